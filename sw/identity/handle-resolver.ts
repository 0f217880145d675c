/**
 * Handle → DID, remembered for a while, by both ways of the spec at once: the DNS TXT record (over HTTPS, a worker has no other DNS) and the well-known file.
 * @see https://atproto.com/specs/handle#handle-resolution
 */
import { isValidDid } from '@atproto/syntax'
import * as v from 'valibot'
import {
  HANDLE_LOOKUP_DEADLINE_MS,
  HANDLE_MAX_AGE_MS,
  HANDLE_STALE_MS,
  MAX_CACHED_HANDLES,
  MAX_HANDLE_ANSWER_BYTES,
} from '../../wire/limits.ts'
import { Remembered } from './remembered.ts'
import { readShortText } from './short-text.ts'

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

/** Google's and Cloudflare's resolvers speak the same JSON and allow cross-origin reads; one is enough. */
const DNS_OVER_HTTPS = 'https://cloudflare-dns.com/dns-query'
const TXT_RECORD = 16
const dnsAnswer = v.object({ Answer: v.optional(v.array(v.object({ type: v.number(), data: v.string() })), []) })

/** Handles as they were resolved lately. */
export interface HandleResolver {
  /** Like `resolveHandle`. @param options.fresh asks, whatever is remembered */
  resolve(handle: string, options?: { readonly fresh?: boolean }): Promise<string | null>
  /** For whoever has just changed what it resolves to. */
  forget(handle: string): void
}

export const handleResolver = (fetch: Fetch, now: () => number): HandleResolver => {
  const lasting = { staleMs: HANDLE_STALE_MS, maxAgeMs: HANDLE_MAX_AGE_MS, maxKeys: MAX_CACHED_HANDLES }
  const known = new Remembered((handle) => resolveHandle(handle, fetch), lasting, now)
  return {
    resolve: (handle, options) => known.get(handle.toLowerCase(), options),
    forget: (handle) => known.forget(handle.toLowerCase()),
  }
}

/** null when neither way names exactly one valid DID. DNS wins where they differ, as the spec advises. Never throws. */
export const resolveHandle = async (handle: string, fetch: Fetch): Promise<string | null> => {
  const signal = AbortSignal.timeout(HANDLE_LOOKUP_DEADLINE_MS)
  const [dns, wellKnown] = await Promise.allSettled([askDns(handle, fetch, signal), askWellKnown(handle, fetch, signal)])
  return (dns.status === 'fulfilled' && dns.value) || (wellKnown.status === 'fulfilled' && wellKnown.value) || null
}

const askDns = async (handle: string, fetch: Fetch, signal: AbortSignal): Promise<string | null> => {
  const query = new URLSearchParams({ name: `_atproto.${handle}`, type: 'TXT' })
  const response = await fetch(`${DNS_OVER_HTTPS}?${query}`, { headers: { accept: 'application/dns-json' }, signal })
  const { Answer } = v.parse(dnsAnswer, JSON.parse(await shortText(response)))
  const dids = Answer.filter(({ type }) => type === TXT_RECORD)
    // A TXT record is one or more quoted strings, to be joined.
    .map(({ data }) => data.replaceAll(/"\s+"/g, '').replaceAll('"', ''))
    .filter((text) => text.startsWith('did='))
    .map((text) => text.slice('did='.length).trim())
  return dids.length === 1 ? onlyDid(dids[0]) : null
}

const askWellKnown = async (handle: string, fetch: Fetch, signal: AbortSignal): Promise<string | null> => {
  const response = await fetch(`https://${handle}/.well-known/atproto-did`, { signal })
  return onlyDid((await shortText(response)).trim())
}

const shortText = (response: Response): Promise<string> => {
  if (!response.ok) throw new Error(`answered ${response.status}`)
  return readShortText(response, MAX_HANDLE_ANSWER_BYTES)
}

const onlyDid = (text: string | undefined): string | null => (isValidDid(text) ? text : null)
