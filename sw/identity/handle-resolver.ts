/**
 * Handle → DID, remembered for a while, by both ways of the spec at once: the DNS TXT record and the well-known file.
 * @see https://atproto.com/specs/handle#handle-resolution
 */
import { isValidDid } from '@atproto/syntax'
import {
  HANDLE_LOOKUP_DEADLINE_MS,
  HANDLE_MAX_AGE_MS,
  HANDLE_STALE_MS,
  MAX_CACHED_HANDLES,
  MAX_HANDLE_ANSWER_BYTES,
} from '../../wire/limits.ts'
import { didInDns } from './dns-did.ts'
import { Remembered } from './remembered.ts'
import { readShortText } from './short-text.ts'

export type Fetch = (url: string, init?: RequestInit) => Promise<Response>

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
  const [dns, wellKnown] = await Promise.allSettled([didInDns(`_atproto.${handle}`, fetch, signal), askWellKnown(handle, fetch, signal)])
  return (dns.status === 'fulfilled' && dns.value) || (wellKnown.status === 'fulfilled' && wellKnown.value) || null
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
