/** *Create my PDS*: handle, password, and the claim token where the room asks for one and the address carried none. */
import { useSignal } from '@preact/signals'
import type { RoomStatus } from '../../wire/frames.ts'
import { ClaimField } from '../components/claim-field.tsx'
import { Field } from '../components/field.tsx'
import { IdentityChoice } from '../components/identity-choice.tsx'
import { PasswordField } from '../components/password-field.tsx'
import { claimProblem, keptClaim } from '../state/claim.ts'
import { createPod, creationStep } from '../state/creation.ts'
import type { CreationFailure, CreationStep } from '../state/creation.ts'
import { focusProblem } from '../state/focus.ts'
import { handleProblem, isLoopback, normalizeHandle, suggestHandle } from '../state/handle.ts'
import { passwordProblem } from '../state/password.ts'

type Problems = { readonly [field in CreationFailure['field']]?: string | undefined }

export const CreateForm = ({ room }: { readonly room: RoomStatus }) => {
  const handle = useSignal(suggestHandle(room.host))
  const password = useSignal('')
  const claim = useSignal('')
  const claimTrouble = useSignal<string | null>(null)
  /** The directory of a did:plc; null: did:web. */
  const plc = useSignal<string | null>(null)
  const problems = useSignal<Problems>({})
  const asksForClaim = room.policy === 'token' && keptClaim(sessionStorage) === null

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    const wanted = normalizeHandle(handle.value)
    handle.value = wanted
    const found = check({
      handle: handleProblem(wanted, room.host),
      password: passwordProblem(password.value),
    })
    claimTrouble.value = asksForClaim ? claimProblem(claim.value) : null
    const failure =
      Object.keys(found).length === 0 && claimTrouble.value === null
        ? await createPod({ handle: wanted, password: password.value, ...(plc.value !== null && { plc: plc.value }) }, claim.value.trim())
        : null
    problems.value = failure ? { [failure.field]: failure.message } : found
    focusProblem({ currentTarget: form })
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
      <PasswordField
        id="password"
        label="Password"
        what="password"
        value={password.value}
        problem={problems.value.password}
        onInput={(value) => {
          password.value = value
          problems.value = { ...problems.value, password: undefined }
        }}
      />
      {room.plc && <IdentityChoice host={room.host} directory={room.plc} chosen={plc} />}
      {asksForClaim && <ClaimField claim={claim} problem={claimTrouble} />}
      {problems.value.form && (
        <p class="alarm" role="alert">
          {problems.value.form}
        </p>
      )}
      <button class="button button-main">Create my PDS</button>
    </form>
  )
}

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
