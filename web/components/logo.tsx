/** A browser tab with a light in it. */
export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
    <path
      fill="currentColor"
      d="M2 27v-1.5c2.200 0 3.200-1 3.200-3.200V12A7 7 0 0 1 12.200 5h7.600a7 7 0 0 1 7 7v10.300c0 2.200 1 3.200 3.200 3.200V27z"
    />
    <circle class="logo-light" cx="16" cy="15.500" r="4" />
  </svg>
)
