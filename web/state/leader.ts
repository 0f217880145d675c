/** Which tab holds the uplink: this one, or another of the same profile. */
import { signal } from '@preact/signals'
import { LEADER_LOCK } from '../uplink/leader.ts'

/** Locks tell of no change, so they are asked; slow enough to cost nothing. */
const ASK_EVERY_MS = 2000

export const otherTabLeads = signal(false)

/** Keeps `otherTabLeads` true to the facts. Returns the function that stops it. */
export const watchLeader = (): (() => void) => {
  // A lock of its own name is how a page learns its own clientId.
  const mine = `tabpod.page.${crypto.randomUUID()}`
  const stopped = new AbortController()
  void navigator.locks.request(mine, () => new Promise<void>((resolve) => stopped.signal.addEventListener('abort', () => resolve())))
  const ask = async (): Promise<void> => {
    const { held = [] } = await navigator.locks.query()
    otherTabLeads.value = ledElsewhere(held, mine)
  }
  void ask()
  const timer = setInterval(() => void ask(), ASK_EVERY_MS)
  return () => {
    clearInterval(timer)
    stopped.abort()
  }
}

/** `mine`: name of a lock that only this page holds. */
export const ledElsewhere = (held: readonly LockInfo[], mine: string): boolean => {
  const leader = held.find(({ name }) => name === LEADER_LOCK)?.clientId
  const self = held.find(({ name }) => name === mine)?.clientId
  return leader !== undefined && self !== undefined && leader !== self
}
