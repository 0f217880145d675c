/**
 * Host names that are handles and nothing else: the setting `TABPOD_HANDLES`. They say whose they are and open no room.
 * @see https://atproto.com/specs/handle#https-well-known-method
 */
import { isPodDid } from '../did-document.ts'
import { parseHost } from '../hostname.ts'
import { notFound } from '../answer.ts'

export interface HandleHost {
  /** As `parseHost` writes it. */
  readonly host: string
  readonly did: string
  /** Where visitors of its front page are led; null: nowhere. */
  readonly profile: string | null
}

const DID_PATH = '/.well-known/atproto-did'

/** Of one entry of the setting, `handle=DID` or `handle=DID>https://profile…`; undefined: it is none. */
export const parseHandleHost = (written: string): HandleHost | undefined => {
  const [, name = '', did = '', profile] = /^([^=]+)=([^>]+)(?:>(.+))?$/.exec(written) ?? []
  const host = parseHost(name.trim())
  if (host === null || !isPodDid(did.trim())) return undefined
  const page = profile === undefined ? null : webPage(profile.trim())
  return page === undefined ? undefined : { host, did: did.trim(), profile: page }
}

export const answerAsHandle = (request: Request, pathname: string, { did, profile }: HandleHost): Response => {
  if (request.method !== 'GET' && request.method !== 'HEAD') return notFound(request)
  if (pathname === DID_PATH)
    return new Response(did, { headers: { 'content-type': 'text/plain; charset=utf-8', 'access-control-allow-origin': '*' } })
  // Not for ever: the owner may choose another page.
  if (pathname === '/' && profile !== null) return new Response(null, { status: 302, headers: { location: profile } })
  return notFound(request)
}

const webPage = (written: string): string | undefined => {
  const url = URL.canParse(written) ? new URL(written) : null
  return url?.protocol === 'https:' && !url.username && !url.password ? url.href : undefined
}
