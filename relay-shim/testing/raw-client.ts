/** A client that writes bytes of its own choice on a socket: `fetch` and `http.request` would tidy up or refuse most of what an attacker sends. */
import { connect, type Socket } from 'node:net'

export interface RawAnswer {
  readonly status: number
  /** Names in lower case; of a repeated one the last. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

const PATIENCE_MS = 15_000

export class RawClient {
  readonly socket: Socket
  /** Resolves when the other side has closed. */
  readonly closed: Promise<void>
  #heard = ''
  #isClosed = false
  #wake = (): void => {}

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (piece: Buffer) => {
      this.#heard += piece.toString('latin1')
      this.#wake()
    })
    // A reset is a way of saying no.
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) =>
      this.socket.on('close', () => {
        this.#isClosed = true
        this.#wake()
        resolve()
      }),
    )
  }

  /** All that came so far, bytes as characters. */
  get heard(): string {
    return this.#heard
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  write(text: string | Uint8Array): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
  }

  /** All answers that come until the other side closes, or `count` of them are whole. */
  async answers(count = 1, patienceMs = PATIENCE_MS): Promise<RawAnswer[]> {
    const until = performance.now() + patienceMs
    for (;;) {
      const { answers } = parsed(this.#heard)
      if (answers.length >= count || this.#isClosed || performance.now() > until) return answers
      await new Promise<void>((resolve) => {
        this.#wake = resolve
        setTimeout(resolve, 200)
      })
    }
  }

  end(): void {
    this.socket.destroy()
  }
}

/** Says `text` on a connection of its own; null: the connection was closed without an answer, or none came. */
export const exchange = async (port: number, text: string | Uint8Array, patienceMs = PATIENCE_MS): Promise<RawAnswer | null> => {
  const client = new RawClient(port)
  client.write(text)
  const [answer] = await client.answers(1, patienceMs)
  client.end()
  return answer ?? null
}

const parsed = (heard: string): { readonly answers: RawAnswer[] } => {
  const answers: RawAnswer[] = []
  for (let rest = heard; ;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end < 0) return { answers }
    const [first = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(first.split(' ')[1])
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
    )
    const body = bodyOf(headers, rest.slice(end + 4))
    if (body === null) return { answers }
    if (status >= 200) answers.push({ status, headers, body: body.text })
    rest = body.rest
  }
}

/** Null: not all of it has come. */
const bodyOf = (headers: Readonly<Record<string, string>>, rest: string): { text: string; rest: string } | null => {
  if (headers['transfer-encoding'] !== 'chunked') {
    const length = Number(headers['content-length'] ?? 0)
    return rest.length < length ? null : { text: rest.slice(0, length), rest: rest.slice(length) }
  }
  let text = ''
  for (let at = 0; ;) {
    const lineEnd = rest.indexOf('\r\n', at)
    if (lineEnd < 0) return null
    const length = Number.parseInt(rest.slice(at, lineEnd), 16)
    const end = lineEnd + 2 + length
    if (rest.length < end + 2) return null
    text += rest.slice(lineEnd + 2, end)
    at = end + 2
    if (length === 0) return { text, rest: rest.slice(at) }
  }
}
