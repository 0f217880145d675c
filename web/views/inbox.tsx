/** Codes that clients asked for: what each is for, how long it works, and a warning that is meant. */
import { useMemo } from 'preact/hooks'
import type { InboxMessage } from '../../wire/owner.ts'
import { CopyButton } from '../components/copy.tsx'
import { PageHead } from '../components/page-head.tsx'
import { createAttempt } from '../state/attempt.ts'
import { clock, dismissMessage, inbox, inboxProblem, purposeOf, validity } from '../state/inbox.ts'
import { formatMoment } from '../state/date.ts'

export const Inbox = () => {
  const dismissing = useMemo(createAttempt, [])
  const messages = inbox.value ?? []
  const problem = dismissing.problem.value ?? inboxProblem.value
  const dismiss = async (id: string): Promise<void> => {
    if (await dismissing.run(() => dismissMessage(id), 'Dismissed.')) document.querySelector<HTMLElement>('main h1')?.focus()
  }
  return (
    <main class="page page-inner page-single" data-testid="inbox">
      <PageHead title="Inbox">
        Where other servers send an e-mail, yours leaves the code here. Type it into the app that asked, and only if you started that
        yourself.
      </PageHead>
      {problem && (
        <p class="alarm" role="alert">
          {problem}
        </p>
      )}
      {messages.length === 0 && inbox.value !== null && <p class="quiet">Nothing is waiting.</p>}
      {messages.length > 0 && (
        <>
          <p class="warning">Never give a code to anyone who asks you for it. Nobody but the app you are using needs it.</p>
          <ul class="cards" aria-label="Codes">
            {messages.map((message) => (
              <Message key={message.id} message={message} onDismiss={() => void dismiss(message.id)} />
            ))}
          </ul>
        </>
      )}
    </main>
  )
}

const Message = ({ message, onDismiss }: { readonly message: InboxMessage; readonly onDismiss: () => void }) => {
  const { asks, effect } = purposeOf(message.purpose)
  const isValid = message.expiresAt > clock.value
  return (
    <li class="card" data-testid="message" data-purpose={message.purpose}>
      <h2>{asks}</h2>
      {isValid && (
        <>
          <p>{effect}</p>
          <p class="code">
            <span class="mono value" data-testid="code">
              {message.token}
            </span>
            <CopyButton text={message.token} what="code" />
          </p>
        </>
      )}
      <div class="message-foot">
        <p class="quiet">
          {validity(message.expiresAt, clock.value)} Came on {formatMoment(message.at)}
          {message.mailed && ', and was mailed to you as well'}.
        </p>
        <button type="button" class="button-small" aria-label={`Dismiss: ${asks}`} onClick={onDismiss}>
          Dismiss
        </button>
      </div>
    </li>
  )
}
