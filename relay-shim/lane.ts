/**
 * Steps that must happen in the order they came, one at a time: a response may not overtake the event that was sent before it. An empty lane costs
 * nothing: a step that finds it free runs at once, and only what returns a promise makes the next one wait.
 */
export class Lane {
  #tail: Promise<void> | null = null

  enter(step: () => void | Promise<void>): void {
    const begun = this.#tail ? this.#tail.then(step) : attempt(step)
    if (!begun) return
    const tail: Promise<void> = begun.catch(report).then(() => {
      if (this.#tail === tail) this.#tail = null
    })
    this.#tail = tail
  }
}

const attempt = (step: () => void | Promise<void>): void | Promise<void> => {
  try {
    return step()
  } catch (cause) {
    report(cause)
  }
}

const report = (cause: unknown): void => console.error('room: a step of the uplink failed', cause)
