/** A browser tab with a light in it. */
export const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">
    <rect width="32" height="32" rx="8" fill="currentColor" />
    <path class="logo-tab" d="M3.5 27c2.3 0 3.5-1.2 3.5-3.5V15a5 5 0 0 1 5-5h8a5 5 0 0 1 5 5v8.5c0 2.3 1.2 3.5 3.5 3.5z" />
    <circle cx="16" cy="18.5" r="3.5" fill="currentColor" />
  </svg>
)
