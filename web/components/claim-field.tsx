import type { Signal } from '@preact/signals'
import { Field } from './field.tsx'

/** Where the room gives its address only to whoever has its token, and the address carried none. */
export const ClaimField = ({ claim, problem }: { readonly claim: Signal<string>; readonly problem: Signal<string | null> }) => (
  <Field
    id="claim"
    label="Claim token"
    value={claim.value}
    mono
    problem={problem.value}
    hint="The relay printed it with its address when it started."
    onInput={(value) => {
      claim.value = value
      problem.value = null
    }}
  />
)
