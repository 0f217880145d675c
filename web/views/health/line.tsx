/** One finding: a dot, what it is about, and a sentence. In a `dl` of class `findings`. */
import type { ComponentChildren } from 'preact'
import type { Finding } from '../../state/health.ts'

export const Line = ({ term, isGood, text, children }: Finding & { readonly term: string; readonly children?: ComponentChildren }) => (
  <div data-good={isGood ?? 'unknown'}>
    <dt>{term}</dt>
    <dd class="value">
      {text} {children}
    </dd>
  </div>
)
