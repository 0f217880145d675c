/** Answers of other servers, kept in memory: asked for once, used at once while they grow stale, and not beyond their age. May be lost at any time. */

export interface Lasting {
  /** From this age on an answer is still given, and asked for anew behind the caller's back. */
  readonly staleMs: number
  /** From this age on it is gone. */
  readonly maxAgeMs: number
  /** More keys than this push out the oldest. */
  readonly maxKeys: number
}

export class Remembered<T> {
  readonly #ask: (key: string) => Promise<T | null>
  readonly #lasting: Lasting
  readonly #now: () => number
  readonly #known = new Map<string, { readonly answer: T; readonly at: number }>()
  /** Many requests need the same answer at once. */
  readonly #asking = new Map<string, Promise<T | null>>()

  /** @param ask null: there is no answer, or nobody to give one; it is not kept */
  constructor(ask: (key: string) => Promise<T | null>, lasting: Lasting, now: () => number) {
    this.#ask = ask
    this.#lasting = lasting
    this.#now = now
  }

  /** @param options.fresh asks, whatever is remembered. @throws what `ask` throws */
  async get(key: string, { fresh = false } = {}): Promise<T | null> {
    if (fresh) {
      this.forget(key)
      // Not the answer to a question under way either: it may have been asked too early.
      return this.#askAnew(key)
    }
    const known = this.#known.get(key)
    const age = known ? this.#now() - known.at : Infinity
    if (!known || age >= this.#lasting.maxAgeMs) return this.#askOnce(key)
    // Good for now; the next one gets the fresh one. A question that fails is tried again by whoever comes next.
    if (age >= this.#lasting.staleMs) this.#askOnce(key).catch(() => {})
    return known.answer
  }

  forget(key: string): void {
    this.#known.delete(key)
    this.#asking.delete(key)
  }

  #askOnce(key: string): Promise<T | null> {
    return this.#asking.get(key) ?? this.#askAnew(key)
  }

  #askAnew(key: string): Promise<T | null> {
    const asking = this.#ask(key)
      .then((answer) => {
        // Forgotten meanwhile: the question was asked too early.
        if (answer !== null && this.#asking.get(key) === asking) this.#keep(key, answer)
        return answer
      })
      .finally(() => {
        if (this.#asking.get(key) === asking) this.#asking.delete(key)
      })
    this.#asking.set(key, asking)
    return asking
  }

  #keep(key: string, answer: T): void {
    this.#known.delete(key)
    const [oldest] = this.#known.keys()
    if (oldest !== undefined && this.#known.size >= this.#lasting.maxKeys) this.#known.delete(oldest)
    this.#known.set(key, { answer, at: this.#now() })
  }
}
