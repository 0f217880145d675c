/** Something is in the way: what it is, and what to do. */
import { openPage } from '../state/page.ts'
import type { Obstacle as Kind } from '../state/page.ts'

const WORDS: Readonly<Record<Kind, { readonly title: string; readonly reason: string; readonly remedy: string }>> = {
  insecure: {
    title: 'This page needs a secure address',
    reason: 'Over plain http, browsers offer neither service workers nor keys, and your PDS is made of both.',
    remedy: 'Open it with https://, or on this same computer as http://localhost.',
  },
  'no-worker': {
    title: 'This window cannot host a PDS',
    reason: 'The browser offers no service workers here. Private windows and in-app browsers often leave them out.',
    remedy: 'Open this address in a normal window of Chrome, Edge, Firefox or Safari.',
  },
  'old-browser': {
    title: 'This browser is too old',
    reason: 'Your PDS needs IndexedDB and Web Locks, which every major browser has had since 2022.',
    remedy: 'Update the browser, or open this address in a current one.',
  },
  blocked: {
    title: 'The browser keeps this site from storing data',
    reason: 'Your PDS would live in this site’s storage, which a private window or a privacy setting has turned off.',
    remedy: 'Leave the private window, or allow cookies and site data for this address. Then try again.',
  },
  'room-unreachable': {
    title: 'The relay does not answer',
    reason: 'The server that gives out this address could not be reached.',
    remedy: 'Check your network and that the relay is running. Then try again.',
  },
  'worker-silent': {
    title: 'Your PDS does not answer',
    reason: 'The worker that runs it in this browser did not respond. Your data is still here.',
    remedy: 'Try again. If it stays silent, close all tabs of this address and open one anew.',
  },
}

export const Obstacle = ({ obstacle, detail }: { readonly obstacle: Kind; readonly detail?: string }) => {
  const { title, reason, remedy } = WORDS[obstacle]
  return (
    <main class="page" data-testid="obstacle" data-obstacle={obstacle}>
      <div class="lead">
        <h1>{title}</h1>
        <p>{reason}</p>
        <p class="strong">{remedy}</p>
        <p class="actions">
          <button type="button" class="button button-main" onClick={() => void openPage()}>
            Try again
          </button>
        </p>
        {detail && (
          <details class="quiet">
            <summary>Details</summary>
            <p class="mono">{detail}</p>
          </details>
        )}
      </div>
    </main>
  )
}
