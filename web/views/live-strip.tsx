/** Requests and events as they happen, newest first. Not a live region: it would never stop talking. */
import type { VNode } from 'preact'
import { strip } from '../state/pod.ts'
import type { StripActivity, StripRow } from '../state/strip.ts'

export const LiveStrip = () => {
  const rows = strip.rows.value
  const paused = strip.paused.value
  return (
    <section class="card strip" aria-labelledby="strip-title">
      <header class="strip-head">
        <h2 id="strip-title">Live</h2>
        <span class="quiet strip-held">{paused && `${strip.held.value} new`}</span>
        <button type="button" class="button-small" onClick={() => (paused ? strip.resume() : strip.pause())}>
          {paused ? 'Resume' : 'Pause'}
        </button>
      </header>
      <div class="strip-box" tabIndex={0} role="region" aria-label="Requests and events, newest first">
        {rows.length === 0 ? (
          <p class="quiet strip-empty">Quiet so far. Requests and commits show up here as they happen.</p>
        ) : (
          <ol data-testid="strip">{rows.map(painted)}</ol>
        )}
      </div>
    </section>
  )
}

/** A row never changes, so it is made once: preact passes over an element it has seen, and 200 rows cost no more than the new ones. */
const made = new WeakMap<StripRow, VNode>()
const painted = (row: StripRow): VNode => {
  const element = made.get(row) ?? <Row key={row.id} row={row} />
  made.set(row, element)
  return element
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

const Row = ({ row: { activity } }: { readonly row: StripRow }) => (
  <li data-kind={activity.kind} data-failed={activity.kind === 'request' && activity.status >= 400}>
    <time class="strip-at">{clock.format(activity.at)}</time>
    {describe(activity)}
  </li>
)

const describe = (activity: StripActivity) =>
  activity.kind === 'request' ? (
    <>
      <span class="strip-by">{activity.by}</span>
      <span class="strip-what" title={activity.path}>
        <span class="strip-verb">{activity.method}</span> {shortPath(activity.path)}
      </span>
      <span class="strip-result">
        {activity.status}
        {activity.ms !== undefined && <span class="strip-ms">{Math.round(activity.ms)} ms</span>}
      </span>
    </>
  ) : (
    <>
      <span class="strip-by">{activity.event}</span>
      <span class="strip-what" title={activity.paths?.join('\n')}>
        {activity.paths?.[0] ?? activity.rev ?? ''}
        {(activity.paths?.length ?? 0) > 1 && ` and ${(activity.paths?.length ?? 0) - 1} more`}
      </span>
      <span class="strip-result">signed</span>
    </>
  )

/** The method's name is what matters; parameters stay in the title. */
const shortPath = (path: string): string => path.replace(/^\/xrpc\//, '').replace(/\?.*$/, '')
