/** The log, newest first. Not a live region: it would never stop talking. */
import type { VNode } from 'preact'
import { useEffect, useMemo } from 'preact/hooks'
import { LOG_LEVELS, type LogEntry, type LogLevel } from '../../../wire/log.ts'
import { createAttempt } from '../../state/attempt.ts'
import { downloadLog, entries, follow, following, hasOlder, level, logProblem, readOlder, show, watchLog } from '../../state/log.ts'

const NAMES: Readonly<Record<LogLevel, string>> = { info: 'Everything', warning: 'Warnings and errors', error: 'Errors' }

export const LogCard = ({ handle }: { readonly handle: string }) => {
  const saving = useMemo(createAttempt, [])
  useEffect(watchLog, [])
  const problem = saving.problem.value ?? logProblem.value
  return (
    <section class="card" aria-labelledby="log-title">
      <header class="log-head">
        <h2 id="log-title">Log</h2>
        <label class="unseen" for="log-level">
          Show
        </label>
        <select
          id="log-level"
          class="button-small"
          value={level.value}
          onChange={({ currentTarget }) => show(LOG_LEVELS[currentTarget.selectedIndex] ?? 'info')}
        >
          {LOG_LEVELS.map((name) => (
            <option key={name} value={name}>
              {NAMES[name]}
            </option>
          ))}
        </select>
        <button type="button" class="button-small" aria-pressed={following.value} onClick={() => follow(!following.value)}>
          Live
        </button>
        <button type="button" class="button-small" onClick={() => void saving.run(() => downloadLog(handle), 'Saved to your downloads.')}>
          Download
        </button>
      </header>
      {problem && (
        <p class="alarm" role="alert">
          {problem}
        </p>
      )}
      {entries.value?.length === 0 && <p class="quiet">{level.value === 'info' ? 'Nothing has happened yet.' : 'Nothing of that kind.'}</p>}
      <ol class="log" data-testid="log" aria-label="Log entries, newest first">
        {entries.value?.map(painted)}
      </ol>
      {hasOlder.value && (
        <p class="form-foot">
          <button type="button" class="button" onClick={() => void readOlder()}>
            Older entries
          </button>
        </p>
      )}
    </section>
  )
}

/** An entry never changes, so it is made once: preact passes over an element it has seen. */
const made = new WeakMap<LogEntry, VNode>()
const painted = (entry: LogEntry): VNode => {
  const element = made.get(entry) ?? <Row key={entry.id} entry={entry} />
  made.set(entry, element)
  return element
}

const clock = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' })

const Row = ({ entry }: { readonly entry: LogEntry }) => (
  <li data-level={entry.level}>
    <p class="log-meta">
      <time dateTime={new Date(entry.at).toISOString()}>{clock.format(entry.at)}</time>
      {entry.level !== 'info' && <span class="log-level">{entry.level}</span>}
      <span>
        {entry.kind === 'request' ? `${entry.origin === 'local' ? 'this browser' : 'the world'}, ${Math.round(entry.ms)} ms` : entry.kind}
      </span>
    </p>
    <p class="log-what value">{describe(entry)}</p>
    {'stack' in entry && (
      <details>
        <summary>Details{entry.request !== undefined && ` of request ${entry.request}`}</summary>
        <pre class="mono" tabIndex={0}>
          {entry.stack}
        </pre>
      </details>
    )}
  </li>
)

const describe = (entry: LogEntry) => {
  if (entry.kind !== 'request') return entry.message
  const { method, path, status, error, request, level } = entry
  return (
    <>
      <span class="quiet">{method}</span> {path.replace(/^\/xrpc\//, '')}{' '}
      <span class="log-status">{error === undefined ? status : `${status} ${error}`}</span>
      {level === 'error' && <span class="mono quiet"> {request}</span>}
    </>
  )
}
