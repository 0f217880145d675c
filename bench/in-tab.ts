/** createRecord, and what an app's token costs, in the tab itself: a real Chromium, the real repo engine, real IndexedDB; no socket, no room. */
import type { AppTokenReport } from './in-tab-oauth.ts'
import { withWorker } from './worker-page.ts'

export interface InTabReport {
  /** Median ms of `handle(Request)`. */
  readonly handler: number
  /** Median ms of `repo.write`. */
  readonly total: number
  /** Median ms of each step of a commit. */
  readonly steps: Readonly<Record<string, number>>
  readonly appToken: AppTokenReport
}

const TARGET_MS = 2
const APP_TOKEN_TARGET_MS = 1

export const reportInTab = (say: (line: string) => void): Promise<void> =>
  withWorker('in-tab-worker.ts', new Map(), async ({ ask }) => print(await ask<InTabReport>('go'), say))

const print = ({ handler, total, steps, appToken }: InTabReport, say: (line: string) => void): void => {
  say(`\nin the tab itself, medians`)
  say(
    `${'createRecord, Request → Response'.padEnd(36)}${handler.toFixed(2)} ms   target ≤ ${TARGET_MS} ms ${handler <= TARGET_MS ? 'met' : 'MISSED'}`,
  )
  say(`${'repo.write alone'.padEnd(36)}${total.toFixed(2)} ms`)
  for (const [step, ms] of Object.entries(steps)) say(`${`  ${step}`.padEnd(36)}${ms.toFixed(2)} ms   ${((100 * ms) / total).toFixed(0)} %`)
  const more = appToken.withToken - appToken.open
  say(
    `${'getRecord by an app, beyond nobody'.padEnd(36)}${more.toFixed(2)} ms   target ≤ ${APP_TOKEN_TARGET_MS} ms ${more <= APP_TOKEN_TARGET_MS ? 'met' : 'MISSED'}   (${appToken.withToken.toFixed(2)}, ${appToken.open.toFixed(2)})`,
  )
  for (const [name, ms] of Object.entries(appToken.endpoints)) say(`${`OAuth, ${name}`.padEnd(36)}${ms.toFixed(2)} ms`)
}
