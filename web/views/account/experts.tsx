/** Settings of the pod that hardly anybody needs: folded away, read when they are opened. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { Settings, SettingsProblems } from '../../../wire/settings.ts'
import { Field } from '../../components/field.tsx'
import { FormFoot } from '../../components/form-foot.tsx'
import { createAttempt } from '../../state/attempt.ts'
import { focusProblem } from '../../state/focus.ts'
import { readSettings, saveSettings, settingsFrom, typedFrom } from '../../state/settings.ts'

const FIELDS = [
  { name: 'accessTtlMs', label: 'Access tokens last, in minutes', hint: 'Apps that signed in renew theirs by themselves.' },
  { name: 'refreshTtlMs', label: 'Refresh tokens last, in days', hint: 'An app that was not used for so long has to sign in again.' },
  { name: 'blobTypes', label: 'Files that apps may upload', hint: 'Kinds such as image/* or video/mp4; */* is all.' },
  { name: 'maxBlobBytes', label: 'Largest file, in MB', hint: 'Apps are told.' },
  { name: 'blobQuotaBytes', label: 'All files together, in GB', hint: 'The browser may stop earlier.' },
  { name: 'logRetentionMs', label: 'Keep the log, in days', hint: 'Its newest ten thousand entries at most.' },
  {
    name: 'corsOrigins',
    label: 'Web pages that may read answers',
    hint: 'Origins such as https://app.example; * is all. What the relay answers by itself stays readable to all.',
  },
] as const

export const Experts = () => {
  const settings = useSignal<Settings | null>(null)
  const reading = useMemo(createAttempt, [])
  const read = async (): Promise<void> => {
    settings.value = await readSettings()
  }
  return (
    <details class="experts" onToggle={({ currentTarget }) => currentTarget.open && settings.value === null && void reading.run(read)}>
      <summary>For experts</summary>
      {reading.problem.value && (
        <p class="alarm" role="alert">
          {reading.problem.value}
        </p>
      )}
      {settings.value && <SettingsForm settings={settings.value} onSaved={(saved) => (settings.value = saved)} />}
    </details>
  )
}

const SettingsForm = ({ settings, onSaved }: { readonly settings: Settings; readonly onSaved: (settings: Settings) => void }) => {
  const typed = useSignal(typedFrom(settings))
  const problems = useSignal<SettingsProblems>({})
  const attempt = useMemo(createAttempt, [])
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const found = settingsFrom(typed.value, settings)
    problems.value = found.problems
    if (Object.keys(found.problems).length > 0) return focusProblem(event)
    await attempt.run(async () => {
      const saved = await saveSettings(found.settings)
      typed.value = typedFrom(saved)
      onSaved(saved)
    }, 'Saved. It counts from now on.')
  }
  return (
    <form class="card stack" noValidate onSubmit={submit}>
      {FIELDS.map(({ name, label, hint }) => (
        <Field
          key={name}
          id={name}
          label={label}
          hint={hint}
          value={typed.value[name]}
          problem={problems.value[name]}
          onInput={(value) => {
            typed.value = { ...typed.value, [name]: value }
            const { [name]: _, ...others } = problems.value
            problems.value = others
          }}
        />
      ))}
      <p class="check">
        <input
          id="debug-routes"
          type="checkbox"
          checked={typed.value.debugRoutes}
          onChange={({ currentTarget }) => (typed.value = { ...typed.value, debugRoutes: currentTarget.checked })}
        />
        <label for="debug-routes">
          Answer <span class="mono">/xrpc/_debug/repo</span> and <span class="mono">/xrpc/_debug/block?cid=</span> to sessions of the main
          password
        </label>
      </p>
      <FormFoot attempt={attempt} label="Save settings" busy="Saving…" />
    </form>
  )
}
