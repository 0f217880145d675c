import { type FedcmOptions, hasFedcm } from '../roads/fedcm.ts'
import { options, road } from '../state/sign-in.ts'

type Chosen = 'mode' | 'context' | 'mediation'

const CHOICES: { readonly [K in Chosen]: { readonly label: string; readonly values: ReadonlyArray<readonly [FedcmOptions[K], string]> } } =
  {
    mode: {
      label: 'Mode',
      values: [
        ['active', 'active: a dialog, by a click'],
        ['passive', 'passive: a small one, by itself'],
      ],
    },
    context: {
      label: 'Words in the dialog',
      values: [
        ['signin', 'sign in'],
        ['signup', 'sign up'],
        ['use', 'use'],
        ['continue', 'continue'],
      ],
    },
    mediation: {
      label: 'Who was here before',
      values: [
        ['optional', 'may come in without a click'],
        ['required', 'is asked again'],
        ['silent', 'comes in silently, or not at all'],
      ],
    },
  }

/** What a site may ask for by each way; the usual is chosen. */
export const FedcmChoices = () => {
  if (road.value === 'atproto') return null
  const isFedcm = road.value !== 'indieauth'
  return (
    <>
      {isFedcm && !hasFedcm() && <p class="alarm">This browser has no FedCM. Chromium has it; the redirect works everywhere.</p>}
      <details class="choices">
        <summary>Options</summary>
        <div class="choices-grid">
          {isFedcm && (
            <>
              <Choice name="mode" />
              <Choice name="context" />
              <Choice name="mediation" />
              <label>
                Login hint
                <input
                  type="text"
                  class="mono"
                  placeholder="alice.example"
                  value={options.value.loginHint}
                  onInput={({ currentTarget }) => (options.value = { ...options.value, loginHint: currentTarget.value.trim() })}
                />
              </label>
            </>
          )}
          <label class="tick">
            <input
              type="checkbox"
              checked={options.value.scope.includes('email')}
              onChange={({ currentTarget }) =>
                (options.value = { ...options.value, scope: currentTarget.checked ? 'profile email' : 'profile' })
              }
            />
            Ask for the e-mail address too
          </label>
        </div>
      </details>
    </>
  )
}

const Choice = ({ name }: { readonly name: Chosen }) => (
  <label>
    {CHOICES[name].label}
    <select
      value={options.value[name]}
      onChange={({ currentTarget }) => (options.value = { ...options.value, [name]: currentTarget.value })}
    >
      {CHOICES[name].values.map(([value, words]) => (
        <option key={value} value={value}>
          {words}
        </option>
      ))}
    </select>
  </label>
)
