/** Waiting for another server: ends when it is silent for too long, or when nobody wants the answer any more. */

export class Patience {
  readonly #controller = new AbortController()
  /** Not every runtime ends a read of a body when its fetch is aborted: whoever waits also waits for this. */
  readonly #over: Promise<never>
  #timer: ReturnType<typeof setTimeout> | undefined
  #ms = 0

  constructor(gone: AbortSignal) {
    const { signal } = this.#controller
    this.#over = new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    this.#over.catch(() => {})
    if (gone.aborted) this.end(gone.reason)
    else gone.addEventListener('abort', () => this.end(gone.reason))
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** @throws DOMException TimeoutError when `work` takes longer than `ms` since the last `moved`, and whatever `end` was told */
  async within<T>(ms: number, work: Promise<T>): Promise<T> {
    this.#ms = ms
    this.#arm()
    try {
      return await Promise.race([work, this.#over])
    } finally {
      clearTimeout(this.#timer)
      this.#timer = undefined
    }
  }

  /** A sign of life: the time of what is waited for begins anew. */
  moved(): void {
    if (this.#timer !== undefined) this.#arm()
  }

  end(reason: unknown): void {
    this.#controller.abort(reason)
  }

  #arm(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.end(new DOMException('no sign of life', 'TimeoutError')), this.#ms)
  }
}
