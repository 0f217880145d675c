/** Passwords for single apps: made here, shown once, taken back one by one. */
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import type { AppPassword, CreatedAppPassword } from '../../../wire/owner.ts'
import { ConfirmButton } from '../../components/confirm-button.tsx'
import { CopyButton } from '../../components/copy.tsx'
import { Field } from '../../components/field.tsx'
import { FormFoot } from '../../components/form-foot.tsx'
import { appNameProblem, appPasswords, createAppPassword, readAppPasswords, revokeAppPassword } from '../../state/account.ts'
import { createAttempt } from '../../state/attempt.ts'
import { focusProblem, useFocus } from '../../state/focus.ts'
import { formatDay } from '../../state/date.ts'

export const AppPasswords = () => {
  const reading = useMemo(createAttempt, [])
  const created = useSignal<CreatedAppPassword | null>(null)
  useEffect(() => void reading.run(readAppPasswords), [])
  return (
    <section class="card" aria-labelledby="app-passwords-title">
      <h2 id="app-passwords-title">App passwords</h2>
      <p>
        One for each app, so that you can take it back without changing your own. An app that has one cannot delete or move the account.
      </p>
      {created.value ? (
        <Created password={created.value} onDone={() => (created.value = null)} />
      ) : (
        <NewAppPassword onCreated={(password) => (created.value = password)} />
      )}
      {reading.problem.value && (
        <p class="alarm" role="alert">
          {reading.problem.value}
        </p>
      )}
      <ul class="rows rows-long" aria-label="App passwords" tabIndex={-1}>
        {appPasswords.value?.map((password) => (
          <Row key={password.name} password={password} />
        ))}
      </ul>
      {appPasswords.value?.length === 0 && <p class="quiet">None so far.</p>}
    </section>
  )
}

const NewAppPassword = ({ onCreated }: { readonly onCreated: (password: CreatedAppPassword) => void }) => {
  const name = useSignal('')
  const privileged = useSignal(false)
  const attempt = useMemo(createAttempt, [])
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const form = event.currentTarget
    attempt.problem.value = appNameProblem(
      name.value,
      (appPasswords.value ?? []).map((password) => password.name),
    )
    const create = async (): Promise<void> => onCreated(await createAppPassword(name.value.trim(), privileged.value))
    if (attempt.problem.value !== null || !(await attempt.run(create))) focusProblem({ currentTarget: form })
  }
  return (
    <form class="stack" noValidate onSubmit={submit}>
      <Field
        id="app-name"
        label="Name"
        value={name.value}
        problem={attempt.problem.value}
        hint="So that you know later which one it is."
        onInput={(value) => {
          name.value = value
          attempt.problem.value = null
        }}
      />
      <p class="check">
        <input
          id="privileged"
          type="checkbox"
          checked={privileged.value}
          onChange={({ currentTarget }) => (privileged.value = currentTarget.checked)}
        />
        <label for="privileged">May also read and send direct messages</label>
      </p>
      <FormFoot attempt={attempt} label="Create app password" busy="Creating…" quiet />
    </form>
  )
}

/** Takes the focus, so that the password is the next thing read. */
const Created = ({ password, onDone }: { readonly password: CreatedAppPassword; readonly onDone: () => void }) => {
  const done = (): void => {
    onDone()
    requestAnimationFrame(() => document.querySelector<HTMLElement>('#app-name')?.focus())
  }
  return (
    <div class="aside" role="group" aria-label="The new app password" tabIndex={-1} ref={useFocus()}>
      <p>
        The password for <strong>{password.name}</strong>. It is shown only now: copy it into the app.
      </p>
      <p class="code">
        <span class="mono value" data-testid="app-password">
          {password.password}
        </span>
        <CopyButton text={password.password} what="app password" />
      </p>
      <button type="button" class="button" onClick={done}>
        I have copied it
      </button>
    </div>
  )
}

const Row = ({ password }: { readonly password: AppPassword }) => {
  const attempt = useMemo(createAttempt, [])
  const revoke = async (): Promise<void> => {
    if (await attempt.run(() => revokeAppPassword(password.name), `Revoked ${password.name}.`))
      document.querySelector<HTMLElement>('[aria-label="App passwords"]')?.focus()
  }
  return (
    <li>
      <div>
        <p class="value">{password.name}</p>
        <p class={attempt.problem.value ? 'row-note alarm-text' : 'row-note'}>
          {attempt.problem.value ?? `${formatDay(password.createdAt)}${password.privileged ? ', direct messages too' : ''}`}
        </p>
      </div>
      <ConfirmButton small label="Revoke" confirm="Really revoke" about={password.name} onConfirm={() => void revoke()} />
    </li>
  )
}
