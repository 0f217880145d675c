/** Which pod below a domain was bound first: each room says so once, and the registry keeps it. Only where somebody may ask (`apex.ts`). */
import { insideRequest, readInside, REGISTRY } from '../operator/inside.ts'
import type { RoomPort, RoomStorage } from '../port.ts'
import { isBelow, mayBeFirst } from './apex.ts'

/** Storage row of a room: it has said so. */
const TOLD_KEY = 'bound-told'
/** Of the registry. */
const BOUND_PREFIX = 'bound:'

/** The room's half. */
export class FirstBound {
  readonly #port: RoomPort
  /** One after the other: bound and free again are told in this order. */
  #turn: Promise<void> = Promise.resolve()

  constructor(port: RoomPort) {
    this.#port = port
  }

  /** A pod has joined; never rejects, and nobody waits for it. */
  bound(): void {
    this.#enter(async ({ host, storage, settings }) => {
      if (!mayBeFirst(settings, host) || (await storage.get(TOLD_KEY))) return
      await this.#tell(this.#port.now())
      await storage.put({ [TOLD_KEY]: true })
    })
  }

  /** The room is free again. */
  freed(): void {
    this.#enter(async ({ storage }) => {
      if (!(await storage.get(TOLD_KEY))) return
      await this.#tell(null)
      await storage.delete([TOLD_KEY])
    })
  }

  async #tell(at: number | null): Promise<void> {
    await readInside(await this.#port.call(REGISTRY, insideRequest('bound', { host: this.#port.host, at })))
  }

  #enter(work: (port: RoomPort) => Promise<void>): void {
    this.#turn = this.#turn
      .then(() => work(this.#port))
      .catch((cause: unknown) => console.warn(`room ${this.#port.host}: the registry could not be told of the pod`, cause))
  }
}

/** The registry's half. @param at null: the room is free again */
export const noteBound = (storage: RoomStorage, { host, at }: { readonly host: string; readonly at: number | null }): Promise<void> =>
  at === null ? storage.delete([BOUND_PREFIX + host]) : storage.put({ [BOUND_PREFIX + host]: at })

export const firstBelow = async (storage: RoomStorage, above: string): Promise<string | null> => {
  const rows = await storage.list<number>({ prefix: BOUND_PREFIX })
  let first: readonly [host: string, at: number] | null = null
  for (const [key, at] of rows) {
    const host = key.slice(BOUND_PREFIX.length)
    if (isBelow(host, above) && (first === null || at < first[1])) first = [host, at]
  }
  return first?.[0] ?? null
}
