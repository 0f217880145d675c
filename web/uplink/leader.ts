/** One page of this profile leads and holds the uplink; the others stand by. @see https://w3c.github.io/web-locks/ */

/** Held by the leading page; asking who holds it tells where the uplink is. */
export const LEADER_LOCK = 'tabpod-leader'

/**
 * Runs `work` once this page leads; the browser hands the lock on within ~50 ms when a leader closes or crashes.
 * `work` returns what ends it. Returns the function that gives leading, or waiting for it, up.
 */
export const lead = (work: () => () => void): (() => void) => {
  const giveUp = new AbortController()
  const whole = new Promise<void>((resolve) => giveUp.signal.addEventListener('abort', () => resolve(), { once: true }))
  navigator.locks
    .request(LEADER_LOCK, { signal: giveUp.signal }, async () => {
      const end = work()
      await whole
      end()
    })
    .catch((cause: unknown) => {
      if (!giveUp.signal.aborted) console.error('tabpod: this page cannot lead', cause)
    })
  return () => giveUp.abort()
}
