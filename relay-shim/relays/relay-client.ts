/**
 * The two things that a host says to a relay. What goes wrong is a sentence that the owner reads.
 * @see https://atproto.com/specs/sync#host-and-account-status
 */
import * as v from 'valibot'
import { CRAWL_DEADLINE_MS, MAX_RELAY_ANSWER_BYTES } from '../../wire/limits.ts'
import { shortText } from '../short-text.ts'

/** As far as the relay says. */
export interface HostStatus {
  readonly status: string | null
  /** Number of the last event that it has. */
  readonly seq: number | null
}

export class RelayFailure extends Error {
  override readonly name = 'RelayFailure'
}

const statusSchema = v.object({
  status: v.optional(v.pipe(v.string(), v.maxLength(64))),
  seq: v.optional(v.pipe(v.number(), v.safeInteger())),
})
const errorSchema = v.object({ error: v.optional(v.string()), message: v.optional(v.string()) })
/** Of what a relay says in its own words. */
const MAX_WORDS_CHARS = 300

/** @throws RelayFailure */
export const requestCrawl = async (relay: string, host: string): Promise<void> => {
  const { response, text } = await ask(`${relay}/xrpc/com.atproto.sync.requestCrawl`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ hostname: host }),
  })
  if (!response.ok) throw refusalIn(response, text)
}

/** null: the relay does not know this host. @throws RelayFailure */
export const readHostStatus = async (relay: string, host: string): Promise<HostStatus | null> => {
  const { response, text } = await ask(`${relay}/xrpc/com.atproto.sync.getHostStatus?hostname=${encodeURIComponent(host)}`)
  if (!response.ok) {
    if (parse(errorSchema, text)?.error === 'HostNotFound') return null
    throw refusalIn(response, text)
  }
  const told = parse(statusSchema, text)
  if (told === null) throw new RelayFailure('It answers, but not with a status.')
  return { status: told.status ?? null, seq: told.seq ?? null }
}

const ask = async (url: string, init: RequestInit = {}): Promise<{ readonly response: Response; readonly text: string }> => {
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(CRAWL_DEADLINE_MS) })
    return { response, text: await shortText(response, MAX_RELAY_ANSWER_BYTES) }
  } catch (cause) {
    const isLate = cause instanceof Error && cause.name === 'TimeoutError'
    throw new RelayFailure(isLate ? 'It did not answer in time.' : 'It cannot be reached.', { cause })
  }
}

const refusalIn = ({ status }: Response, text: string): RelayFailure => {
  const { error, message } = parse(errorSchema, text) ?? {}
  const words = (message ?? error)?.slice(0, MAX_WORDS_CHARS)
  return new RelayFailure(words === undefined ? `It answered with ${status}.` : `It answered with ${status}: ${words}`)
}

/** null: the text is something else. */
const parse = <T>(schema: v.GenericSchema<unknown, T>, text: string): T | null => {
  try {
    return v.parse(schema, JSON.parse(text))
  } catch {
    return null
  }
}
