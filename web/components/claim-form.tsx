import { useSignal } from '@preact/signals'
import { goOnline } from '../state/pod.ts'
import { Field } from './field.tsx'

/** On the home page, when the room refused for want of a claim token. */
export const ClaimForm = () => {
  const claim = useSignal('')
  const submit = (event: Event): void => {
    event.preventDefault()
    if (claim.value.trim() !== '') goOnline(claim.value.trim())
  }
  return (
    <form class="claim-form" onSubmit={submit}>
      <Field
        id="claim"
        label="Claim token"
        value={claim.value}
        mono
        hint="The part after #claim= in that address."
        onInput={(value) => (claim.value = value)}
      />
      <button class="button">Use this token</button>
    </form>
  )
}
