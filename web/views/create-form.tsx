/** *Create my PDS*: handle, password, and the claim token where the room asks for one and the address carried none. */
import { useSignal } from '@preact/signals'
import type { RoomStatus } from '../../wire/frames.ts'
import { CopyButton } from '../components/copy.tsx'
import { Field } from '../components/field.tsx'
import { IdentityChoice } from '../components/identity-choice.tsx'
import { keptClaim } from '../state/claim.ts'
import { createPod, creationStep } from '../state/creation.ts'
import type { CreationFailure, CreationStep } from '../state/creation.ts'
import { handleProblem, isLoopback, normalizeHandle, suggestHandle } from '../state/handle.ts'
import { MIN_PASSWORD_LENGTH, passwordHint, suggestPassword } from '../state/password.ts'

type Problems = { readonly [field in CreationFailure['field'] | 'claim']?: string | undefined }

export const CreateForm = ({ room }: { readonly room: RoomStatus }) => {
  const handle = useSignal(suggestHandle(room.host))
  const password = useSignal('')
  const shown = useSignal(false)
  const suggested = useSignal(false)
  const claim = useSignal('')
  /** The directory of a did:plc; null: did:web. */
  const plc = useSignal<string | null>(null)
  const problems = useSignal<Problems>({})
  const asksForClaim = room.policy === 'token' && keptClaim(sessionStorage) === null
  const hint = passwordHint(password.value)

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    const wanted = normalizeHandle(handle.value)
    handle.value = wanted
    const found = check({
      handle: handleProblem(wanted, room.host),
      ...passwordProblem(password.value),
      ...(asksForClaim && claimProblem(claim.value)),
    })
    const failure =
      Object.keys(found).length === 0
        ? await createPod({ handle: wanted, password: password.value, ...(plc.value !== null && { plc: plc.value }) }, claim.value.trim())
        : null
    problems.value = failure ? { [failure.field]: failure.message } : found
    if (form instanceof HTMLFormElement) requestAnimationFrame(() => form.querySelector<HTMLElement>('[aria-invalid]')?.focus())
  }

  if (creationStep.value) return <Progress step={creationStep.value} />
  return (
    <form class="create" noValidate onSubmit={submit}>
      <Field
        id="handle"
        label="Handle"
        value={handle.value}
        autocomplete="username"
        mono
        problem={problems.value.handle}
        hint={
          isLoopback(room.host)
            ? 'Your name in the network. On localhost, anything ending in .test works.'
            : 'Your name in the network: the name of this host.'
        }
        onInput={(value) => {
          handle.value = value
          problems.value = { ...problems.value, handle: undefined }
        }}
      />
      <Field
        id="password"
        label="Password"
        value={password.value}
        secret={!shown.value}
        autocomplete="new-password"
        mono={shown.value}
        problem={problems.value.password}
        hint={
          <span class="strength" data-level={hint.level}>
            <span class="strength-bar" aria-hidden="true" />
            {suggested.value ? 'Strong. Keep it in your password manager.' : hint.text}
          </span>
        }
        onInput={(value) => {
          password.value = value
          suggested.value = false
          problems.value = { ...problems.value, password: undefined }
        }}
      >
        <button
          type="button"
          class="button-small"
          aria-label={shown.value ? 'Hide password' : 'Show password'}
          onClick={() => (shown.value = !shown.value)}
        >
          {shown.value ? 'Hide' : 'Show'}
        </button>
      </Field>
      <p class="suggest">
        <button
          type="button"
          class="button-link"
          onClick={() => {
            password.value = suggestPassword()
            shown.value = true
            suggested.value = true
            problems.value = { ...problems.value, password: undefined }
          }}
        >
          Suggest a strong password
        </button>
        {suggested.value && <CopyButton text={password.value} what="password" />}
      </p>
      {room.plc && <IdentityChoice host={room.host} directory={room.plc} chosen={plc} />}
      {asksForClaim && (
        <Field
          id="claim"
          label="Claim token"
          value={claim.value}
          mono
          problem={problems.value.claim}
          hint="The relay printed it with its address when it started."
          onInput={(value) => {
            claim.value = value
            problems.value = { ...problems.value, claim: undefined }
          }}
        />
      )}
      {problems.value.form && (
        <p class="alarm" role="alert">
          {problems.value.form}
        </p>
      )}
      <button class="button button-main">Create my PDS</button>
    </form>
  )
}

const passwordProblem = (password: string) => ({
  password: passwordHint(password).level === 0 ? `Use at least ${MIN_PASSWORD_LENGTH} characters.` : null,
})
const claimProblem = (claim: string) => ({
  claim:
    claim.trim() === '' ? 'This relay wants its claim token. Open the address that it printed, or paste the part after #claim=.' : null,
})
const check = (problems: { readonly [field: string]: string | null }): Problems =>
  Object.fromEntries(Object.entries(problems).filter(([, problem]) => problem !== null)) as Problems

const STEPS: ReadonlyArray<{ readonly step: CreationStep; readonly text: string }> = [
  { step: 'worker', text: 'Setting up the worker in this browser' },
  { step: 'pod', text: 'Making your keys and an empty, signed repo' },
  { step: 'address', text: 'Claiming your public address' },
]

const Progress = ({ step }: { readonly step: CreationStep }) => {
  const at = STEPS.findIndex((known) => known.step === step)
  return (
    <div class="progress" role="status" data-testid="creating">
      <ol>
        {STEPS.map(({ text }, index) => (
          <li key={text} data-state={index < at ? 'done' : index === at ? 'now' : 'next'}>
            {text}
            {index < at && <span class="unseen">, done</span>}
          </li>
        ))}
      </ol>
    </div>
  )
}
