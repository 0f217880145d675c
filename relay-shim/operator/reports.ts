/**
 * What a room tells the registry of itself: at once when its tab comes or goes, seldom while it grows. Only where there is an operator's page to show it.
 * The time of the last report is stored, so that a room which sleeps between two writes reports no more often than one that stays awake.
 */
import { REPORT_INTERVAL_MS } from '../../wire/limits.ts'
import type { RoomReport } from '../../wire/operator.ts'
import type { RoomPort } from '../port.ts'
import { insideRequest, readInside, REGISTRY } from './inside.ts'

/** Storage row: the last report, as far as it decides about the next. */
export type Told = { readonly at: number; readonly isBound: boolean; readonly online: boolean }
export const TOLD_KEY = 'reported'

export class Reports {
  readonly #port: RoomPort
  readonly #report: () => Promise<RoomReport | null>
  #told: Told | null
  /** One after the other, each made when its turn comes: the newest says the last word. */
  #turn: Promise<void> = Promise.resolve()

  /** @param told as it was stored */
  constructor(port: RoomPort, told: Told | null, report: () => Promise<RoomReport | null>) {
    this.#port = port
    this.#told = told
    this.#report = report
  }

  /** The room has woken, perhaps from a crash: what it said last may not be so any more. */
  woke(now: { readonly isBound: boolean; readonly online: boolean }): void {
    if (this.#told === null ? now.isBound : this.#told.isBound !== now.isBound || this.#told.online !== now.online) this.changed()
  }

  /** Something was written. */
  grew(): void {
    if (this.#told === null || this.#port.now() - this.#told.at >= REPORT_INTERVAL_MS) this.changed()
  }

  /** The tab came or went, or the pod did. Never rejects: whoever watches is not waited for. */
  changed(): void {
    if (this.#port.settings.operatorToken === null) return
    // Until it is told, so that a room which writes much asks for one report and not for many.
    this.#told = { at: this.#port.now(), isBound: this.#told?.isBound ?? false, online: this.#told?.online ?? false }
    this.#turn = this.#turn
      .then(() => this.#tell())
      .catch((cause: unknown) => {
        console.warn(`room ${this.#port.host}: the operator's page could not be told`, cause)
        this.#told = null
      })
  }

  async #tell(): Promise<void> {
    const report = await this.#report()
    const { host, storage } = this.#port
    await readInside(await this.#port.call(REGISTRY, insideRequest('report', { host, report })))
    this.#told = { at: this.#port.now(), isBound: report !== null, online: report?.online ?? false }
    await storage.put({ [TOLD_KEY]: this.#told })
  }
}
