import { signal } from '@preact/signals'
import { jwtsIn } from '../state/readable.ts'
import { type Shown, type Step, steps } from '../state/trace.ts'

/** The insides of all steps are open. */
const isOpen = signal(false)

export const Trace = () => (
  <section class="card trace" aria-labelledby="trace-title">
    <div class="trace-head">
      <h2 id="trace-title">What happens</h2>
      {steps.value.length > 0 && (
        <button type="button" class="button-small" aria-pressed={isOpen.value} onClick={() => (isOpen.value = !isOpen.value)}>
          {isOpen.value ? 'Show less' : 'Show everything'}
        </button>
      )}
    </div>
    {steps.value.length === 0 ? (
      <p class="quiet">Nothing yet. Each request, answer and token will stand here, in order.</p>
    ) : (
      <ol aria-live="polite" data-testid="trace">
        {steps.value.map((step, index) => (
          <Row key={index} step={step} isLast={index === steps.value.length - 1} />
        ))}
      </ol>
    )}
  </section>
)

const WORDS = { running: 'under way', done: 'done', failed: 'failed' } as const

const Row = ({ step, isLast }: { readonly step: Step; readonly isLast: boolean }) => (
  <li class="step" data-state={step.state}>
    <div class="step-head">
      <h3>
        {step.title} <span class="unseen">{WORDS[step.state]}</span>
      </h3>
      {step.ms !== undefined && <span class="step-ms">{step.ms < 10 ? step.ms.toFixed(1) : Math.round(step.ms)} ms</span>}
    </div>
    {step.outcome !== undefined && <p class={step.state === 'failed' ? 'step-failed value' : 'quiet value'}>{step.outcome}</p>}
    {step.shown.length > 0 && (
      <details open={isOpen.value || (step.state === 'failed' && isLast)}>
        <summary>Look inside</summary>
        {step.shown.map((shown, index) => (
          <Value key={index} shown={shown} />
        ))}
      </details>
    )}
  </li>
)

const Value = ({ shown: { label, value } }: { readonly shown: Shown }) => (
  <>
    <Figure label={label} text={typeof value === 'string' ? value : JSON.stringify(value, null, 2)} />
    {jwtsIn(value).map(([name, said]) => (
      <Figure key={name} label={`What the ${name} says`} text={JSON.stringify(said, null, 2)} />
    ))}
  </>
)

const Figure = ({ label, text }: { readonly label: string; readonly text: string }) => (
  <figure>
    <figcaption>{label}</figcaption>
    <pre tabIndex={0}>
      <code>{text}</code>
    </pre>
  </figure>
)
