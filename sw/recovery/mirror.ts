/** The room's copy of a repo, read as anyone may read it. What comes is checked by whoever takes it. @see https://atproto.com/specs/sync */
import * as v from 'valibot'
import { XrpcError } from '../../wire/errors.ts'
import { type RoomStatus, STATUS_PATH } from '../../wire/frames.ts'
import { MIRROR_DEADLINE_MS, MIRROR_PARALLEL_BLOBS } from '../../wire/limits.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { readShortText } from '../identity/short-text.ts'

const LIST_LIMIT = '1000'
const MAX_STATUS_BYTES = 16_384

const statusSchema = v.object({
  bound: v.boolean(),
  online: v.boolean(),
  did: v.nullable(v.string()),
  plc: v.nullable(v.string()),
  recoveryKey: v.nullable(v.string()),
})
const latestSchema = v.object({ cid: v.string(), rev: v.string() })
const pageSchema = v.object({ cids: v.array(v.string()), cursor: v.optional(v.string()) })
const errorSchema = v.object({ error: v.string(), message: v.optional(v.string(), '') })

export class Mirror {
  readonly #origin: string
  readonly #did: string
  readonly #fetch: Fetch

  constructor({ origin, did }: { readonly origin: string; readonly did: string }, fetch: Fetch) {
    this.#origin = origin
    this.#did = did
    this.#fetch = fetch
  }

  /** @throws XrpcError 503 MirrorUnavailable */
  async status(): Promise<Pick<RoomStatus, 'bound' | 'online' | 'did' | 'plc' | 'recoveryKey'>> {
    return readJson(await this.#get(STATUS_PATH), statusSchema, MAX_STATUS_BYTES)
  }

  /** @throws XrpcError 503 MirrorUnavailable; what the room refused, as it said it */
  async latestCommit(): Promise<{ readonly cid: string; readonly rev: string }> {
    return readJson(await this.#sync('getLatestCommit'), latestSchema, MAX_STATUS_BYTES)
  }

  /** CAR of the whole repo. */
  async repo(): Promise<ReadableStream<Uint8Array>> {
    const { body } = await this.#sync('getRepo')
    if (!body) throw unavailable('The answer was empty')
    return body
  }

  /** CIDs of all blobs that records mention. */
  async *blobs(): AsyncGenerator<string> {
    for (let cursor: string | undefined, isFirst = true; isFirst || cursor !== undefined; isFirst = false) {
      const page = await readJson(
        await this.#sync('listBlobs', { limit: LIST_LIMIT, ...(cursor !== undefined && { cursor }) }),
        pageSchema,
        MAX_PAGE_BYTES,
      )
      yield* page.cids
      // A page without blobs is the last, whatever cursor it shows.
      cursor = page.cids.length > 0 ? page.cursor : undefined
    }
  }

  /** null: neither the mirror nor an open tab has it. */
  async blob(cid: string): Promise<Response | null> {
    const response = await this.#get(this.#syncPath('getBlob', { cid }))
    if (response.ok) return response
    await response.body?.cancel()
    return null
  }

  /** Whether the mirror itself has it: an open tab answers for a mirror that has not. */
  async holdsBlob(cid: string): Promise<boolean> {
    const response = await this.#get(this.#syncPath('getBlob', { cid }), { method: 'HEAD' })
    return response.ok && response.headers.get('x-tabpod-answered-by') !== 'tab'
  }

  async #sync(method: string, params: Readonly<Record<string, string>> = {}): Promise<Response> {
    const response = await this.#get(this.#syncPath(method, params))
    if (response.ok) return response
    const said = await readShortText(response, MAX_STATUS_BYTES)
      .then((text) => v.parse(errorSchema, JSON.parse(text)))
      .catch(() => null)
    if (!said) throw unavailable(`It answered ${response.status}`)
    throw new XrpcError(response.status, said.error, REFUSALS[said.error] ?? said.message)
  }

  #syncPath(method: string, params: Readonly<Record<string, string>>): string {
    return `/xrpc/com.atproto.sync.${method}?${new URLSearchParams({ did: this.#did, ...params })}`
  }

  /** The deadline is for the head of the answer: a repo may stream for minutes. */
  async #get(path: string, init: RequestInit = {}): Promise<Response> {
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(new DOMException('no answer', 'TimeoutError')), MIRROR_DEADLINE_MS)
    try {
      return await this.#fetch(this.#origin + path, { ...init, cache: 'no-store', redirect: 'error', signal: patience.signal })
    } catch (cause) {
      throw unavailable('It cannot be reached', cause)
    } finally {
      clearTimeout(timer)
    }
  }
}

/** MIRROR_PARALLEL_BLOBS at a time. The first that fails ends it all. */
export const inParallel = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
  const rest = items.values()
  await Promise.all(
    Array.from({ length: MIRROR_PARALLEL_BLOBS }, async () => {
      for (const item of rest) await work(item)
    }),
  )
}

/** In words for the owner. @see https://atproto.com/specs/account#account-status */
const REFUSALS: Readonly<Record<string, string>> = {
  RepoDeactivated:
    'The account is deactivated: the relay shows its copy to nobody until it is active again. Activate it while you have the browser that can.',
  RepoNotFound: 'The relay has no copy of the repo.',
}

/** 1,000 CIDs of 59 characters. */
const MAX_PAGE_BYTES = 262_144

const readJson = async <S extends v.GenericSchema>(response: Response, schema: S, maxBytes: number): Promise<v.InferOutput<S>> => {
  try {
    if (!response.ok) throw new TypeError(`it answered ${response.status}`)
    return v.parse(schema, JSON.parse(await readShortText(response, maxBytes)))
  } catch (cause) {
    throw unavailable('Its answer made no sense', cause)
  }
}

const unavailable = (what: string, cause?: unknown): XrpcError =>
  new XrpcError(503, 'MirrorUnavailable', `The relay’s copy could not be read. ${what}.`, { cause })
