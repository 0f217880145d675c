/** A request's body, read as far as it must be to know whether it can be sent again. */
import { XrpcError } from '../wire/errors.ts'
import { BODY_DEADLINE_MS, CHUNK_BYTES, READ_AWAY_BYTES, READ_AWAY_DEADLINE_MS, REPLAYABLE_BODY_BYTES } from '../wire/limits.ts'

export type RequestBody =
  | { readonly kind: 'none' }
  /** Kept until the answer has come, for a retry. */
  | { readonly kind: 'whole'; readonly bytes: Uint8Array }
  /** Passes through once. */
  | { readonly kind: 'stream'; readonly pieces: AsyncIterable<Uint8Array> }

type Pieces = AsyncGenerator<Uint8Array, void, undefined>

const NO_BODY: RequestBody = { kind: 'none' }

/**
 * A short body must be here within BODY_DEADLINE_MS. How slowly a longer one may come is the tunnel's business: it waits for each piece.
 * @param hold whether so much more may be kept; asked before the first byte is read, so that slow bodies count, too
 * @throws XrpcError 408 RequestTimeout | 400 InvalidRequest when the client broke off
 */
export const readBody = async (request: Request, hold: (bytes: number) => boolean): Promise<RequestBody> => {
  const reading = beginToRead(request, hold)
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(tooSlow()), BODY_DEADLINE_MS)
  })
  try {
    return await Promise.race([reading, late])
  } catch (cause) {
    reading.catch(() => {})
    throw cause instanceof XrpcError ? cause : new XrpcError(400, 'InvalidRequest', 'The body of the request broke off.', { cause })
  } finally {
    clearTimeout(timer)
  }
}

const tooSlow = (): XrpcError => new XrpcError(408, 'RequestTimeout', 'The body of the request came too slowly.')

const beginToRead = async (request: Request, hold: (bytes: number) => boolean): Promise<RequestBody> => {
  if (!request.body) return NO_BODY
  const announced = announcedBy(request)
  if (announced === 0) return NO_BODY
  if (announced > REPLAYABLE_BODY_BYTES || !hold(announced || REPLAYABLE_BODY_BYTES))
    return { kind: 'stream', pieces: toItsEnd(request.body, fullPiecesOf(request.body), announced) }
  if (announced > 0) return { kind: 'whole', bytes: new Uint8Array(await request.arrayBuffer()) }
  return readUnannounced(toItsEnd(request.body, piecesOf(request.body), announced))
}

/**
 * Reads a body that an early refusal would leave unread: workerd closes such a connection, and a client that is still sending, or was about to
 * reuse it, hears ECONNRESET instead of the answer (one in ten, measured). What announces more than READ_AWAY_BYTES is not worth its traffic.
 */
export const readAway = async (request: Request): Promise<void> => {
  if (!request.body || request.bodyUsed || request.body.locked || !isWorthReading(announcedBy(request))) return
  await withinReadAway(readRest(request.body))
}

/** Who sends slowly is not waited for: the answer is what matters. */
export const withinReadAway = async (reading: Promise<void>): Promise<void> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, READ_AWAY_DEADLINE_MS)
  })
  await Promise.race([reading, late])
  clearTimeout(timer)
}

const announcedBy = (request: Request): number => Number(request.headers.get('content-length') ?? NaN)

const isWorthReading = (announced: number): boolean => !(announced > READ_AWAY_BYTES)

/** The stream must be unlocked. */
const readRest = async (body: ReadableStream<Uint8Array>): Promise<void> => {
  const reader = body.getReader()
  try {
    let length = 0
    for (let next = await reader.read(); !next.done && length <= READ_AWAY_BYTES; next = await reader.read()) length += next.value.length
  } catch {
    // The client is gone: there is nobody left to answer.
  } finally {
    reader.cancel().catch(() => {})
  }
}

const readUnannounced = async (pieces: Pieces): Promise<RequestBody> => {
  const begun: Uint8Array[] = []
  let length = 0
  while (length <= REPLAYABLE_BODY_BYTES) {
    const next = await pieces.next()
    if (next.done) return { kind: 'whole', bytes: joined(begun, length) }
    begun.push(next.value)
    length += next.value.length
  }
  return { kind: 'stream', pieces: packed(continued(begun, pieces)) }
}

/** Workerd's own: https://developers.cloudflare.com/workers/runtime-apis/streams/readablestreambyobreader/ */
interface FullReader extends ReadableStreamBYOBReader {
  readAtLeast(bytes: number, into: Uint8Array<ArrayBuffer>): Promise<ReadableStreamReadResult<Uint8Array<ArrayBuffer>>>
}

const canReadFull = typeof ReadableStreamBYOBReader === 'function' && 'readAtLeast' in ReadableStreamBYOBReader.prototype

/** Pieces of CHUNK_BYTES, gathered by the runtime where it can: its default reader brings 4 KiB at a time, and each costs a turn. */
const fullPiecesOf = (body: ReadableStream<Uint8Array>): Pieces =>
  canReadFull ? filledBy(body.getReader({ mode: 'byob' }) as FullReader) : packed(piecesOf(body))

async function* filledBy(reader: FullReader): Pieces {
  try {
    for (;;) {
      const { done, value } = await reader.readAtLeast(CHUNK_BYTES, new Uint8Array(CHUNK_BYTES))
      if (value && value.length > 0) yield value
      if (done) return
    }
  } finally {
    reader.releaseLock()
  }
}

async function* piecesOf(body: ReadableStream<Uint8Array>): Pieces {
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.releaseLock()
  }
}

/** A tab that refuses a body stops reading in the midst of it: what is left is read away, see `readAway`. */
async function* toItsEnd(body: ReadableStream<Uint8Array>, pieces: Pieces, announced: number): Pieces {
  try {
    yield* pieces
  } finally {
    if (isWorthReading(announced)) await readRest(body)
    else body.cancel().catch(() => {})
  }
}

async function* continued(begun: readonly Uint8Array[], rest: Pieces): Pieces {
  try {
    yield* begun
    yield* rest
  } finally {
    await rest.return()
  }
}

/** Full pieces: workerd reads 4 KiB at a time, and each frame costs a head and a credit. */
export async function* packed(pieces: AsyncIterable<Uint8Array>): Pieces {
  let gathered = new Uint8Array(CHUNK_BYTES)
  let length = 0
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length;) {
      const taken = Math.min(piece.length - at, CHUNK_BYTES - length)
      gathered.set(piece.subarray(at, at + taken), length)
      length += taken
      at += taken
      if (length < CHUNK_BYTES) continue
      yield gathered
      gathered = new Uint8Array(CHUNK_BYTES)
      length = 0
    }
  }
  if (length > 0) yield gathered.subarray(0, length)
}

const joined = (pieces: readonly Uint8Array[], length: number): Uint8Array => {
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
