/**
 * Pieces of a body that wait for their reader. A piece is a view into the message it came in, and however small it is, it keeps all of that in memory; a sender who means
 * harm makes millions of pieces out of one window. So what is small beside its message is copied, and small pieces are joined.
 */
import { concat } from './bytes.ts'

/** Pieces are joined up to this size: a window is at most some hundreds of them. */
const JOINED_BYTES = 8 * 1024
/** A piece may be so many times smaller than what it keeps in memory. */
const MAX_WASTE = 8

export class Pieces {
  readonly #pieces: Uint8Array<ArrayBuffer>[] = []

  get isEmpty(): boolean {
    return this.#pieces.length === 0
  }

  push(piece: Uint8Array<ArrayBuffer>): void {
    if (piece.length === 0) return
    const last = this.#pieces.at(-1)
    if (last && last.length + piece.length <= JOINED_BYTES) this.#pieces[this.#pieces.length - 1] = concat([last, piece])
    else this.#pieces.push(piece.length * MAX_WASTE < piece.buffer.byteLength ? piece.slice() : piece)
  }

  shift(): Uint8Array<ArrayBuffer> | undefined {
    return this.#pieces.shift()
  }

  clear(): void {
    this.#pieces.length = 0
  }
}
