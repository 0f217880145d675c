/** A browser tab with a light in it. */
export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" width="30" height="30" aria-hidden="true">
    <path
      fill="currentColor"
      d="M1 26v-1.8h1.3c1.5 0 2.3-.8 2.3-2.3V11.5A5.5 5.5 0 0 1 10.1 6h11.8a5.5 5.5 0 0 1 5.5 5.5v10.4c0 1.5.8 2.3 2.3 2.3H31V26z"
    />
    <circle class="logo-light" cx="16" cy="15.5" r="3.5" />
  </svg>
)
