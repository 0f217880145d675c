/** How the relays see this pod, as the room tells: kept for pages that open later, and what is wrong goes into the log. */
import type { RelayView } from '../../wire/frames.ts'
import type { Log } from '../operations/log.ts'

export class RelayWatch {
  readonly #log: Log
  readonly #heard: (relays: readonly RelayView[]) => void
  #relays: readonly RelayView[] | null = null

  constructor(log: Log, heard: (relays: readonly RelayView[]) => void) {
    this.#log = log
    this.#heard = heard
  }

  /** null: the room has not said anything since this worker was started. */
  get relays(): readonly RelayView[] | null {
    return this.#relays
  }

  hear(relays: readonly RelayView[]): void {
    for (const relay of relays) {
      const worry = worryOf(relay)
      const before = this.#relays?.find(({ url }) => url === relay.url)
      if (worry !== null && (!before || worry !== worryOf(before))) this.#log.note('uplink', `relay ${relay.url}: ${worry}`, 'warning')
    }
    this.#relays = relays
    this.#heard(relays)
  }
}

/** null where nothing is wrong. */
const worryOf = ({ status, error }: RelayView): string | null => {
  if (error !== null) return error
  return status === 'throttled' || status === 'banned' || status === 'offline' ? `it calls this server ${status}` : null
}
