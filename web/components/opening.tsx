/** Before it is known what to show: nothing, for the moment it takes. */
export const Opening = () => <main class="page page-opening" aria-busy="true" aria-label="Opening" />
