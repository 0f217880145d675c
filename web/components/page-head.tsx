import type { ComponentChildren } from 'preact'

/** Title and one sentence of a page. The title takes the focus when the page is entered (`views/app.tsx`). */
export const PageHead = ({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) => (
  <header class="page-head">
    <h1 tabIndex={-1}>{title}</h1>
    {children && <p>{children}</p>}
  </header>
)
