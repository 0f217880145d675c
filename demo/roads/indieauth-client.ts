/**
 * What a relying party has to do for an IndieAuth sign-in, whichever way the code came: exchange it, and check that the server may speak for the address that it names.
 * @see https://indieauth.spec.indieweb.org/#authorization-server-confirmation
 */
import * as oauth from 'oauth4webapi'

export interface Profile {
  readonly name?: string
  readonly url?: string
  readonly photo?: string
  readonly email?: string
}

export interface Identity {
  /** The visitor's address: who they are. */
  readonly me: string
  readonly profile: Profile
  /** Absent where only the identity was asked for. */
  readonly accessToken?: string
}

/** A server's own word for itself, as fetched. @see https://indieauth.spec.indieweb.org/#indieauth-server-metadata */
export interface ServerMetadata extends oauth.AuthorizationServer {
  readonly authorization_endpoint: string
  readonly token_endpoint: string
}

/** @returns where `address` says its server's metadata is, or null. @throws TypeError where it cannot be fetched */
export const findMetadata = async (address: string, fetch: typeof globalThis.fetch = globalThis.fetch): Promise<string | null> => {
  const response = await fetch(address, { headers: { accept: 'text/html' } })
  if (!response.ok) throw new Error(`${address} answered ${response.status}.`)
  const href = linkIn(response.headers.get('link') ?? '') ?? linkInPage(await response.text())
  return href === null ? null : new URL(href, response.url || address).href
}

/** @throws Error unless it is the metadata of an IndieAuth server that may have said it. */
export const fetchMetadata = async (url: string, fetch: typeof globalThis.fetch = globalThis.fetch): Promise<ServerMetadata> => {
  const response = await fetch(url, { headers: { accept: 'application/json' } })
  if (!response.ok) throw new Error(`${url} answered ${response.status}.`)
  const metadata = (await response.json()) as Partial<ServerMetadata>
  const { issuer, authorization_endpoint, token_endpoint } = metadata
  if (!issuer || !authorization_endpoint || !token_endpoint) throw new Error('The metadata names no issuer, or lacks an endpoint.')
  // An issuer is a prefix of where its metadata is. @see https://indieauth.spec.indieweb.org/#issuer-identifier
  if (!url.startsWith(issuer)) throw new Error(`The issuer ${issuer} is no prefix of ${url}.`)
  return { ...metadata, issuer, authorization_endpoint, token_endpoint }
}

/** @throws Error when the answer is no identity, or its server may not speak for it */
export const identityIn = (answer: Readonly<Record<string, unknown>>): Identity => {
  const { me, profile, access_token: accessToken } = answer
  if (typeof me !== 'string') throw new Error('The answer names nobody: it has no "me".')
  return { me: new URL(me).href, profile: profileIn(profile), ...(typeof accessToken === 'string' && { accessToken }) }
}

/** @throws Error unless the visitor's own address announces the server that vouched for them. */
export const confirm = async (me: string, metadataUrl: string, fetch: typeof globalThis.fetch = globalThis.fetch): Promise<string> => {
  const announced = await findMetadata(me, fetch)
  if (announced === null) throw new Error(`${me} announces no server: anybody could have claimed to be it.`)
  if (announced !== metadataUrl) throw new Error(`${me} announces ${announced}, but ${metadataUrl} vouched for it.`)
  return announced
}

const profileIn = (value: unknown): Profile => {
  if (typeof value !== 'object' || value === null) return {}
  const known = ['name', 'url', 'photo', 'email'] as const
  const said = value as Readonly<Record<string, unknown>>
  return Object.fromEntries(known.flatMap((name) => (typeof said[name] === 'string' ? [[name, said[name]]] : [])))
}

const REL = 'indieauth-metadata'

/** @see https://www.rfc-editor.org/rfc/rfc8288#section-3 */
const linkIn = (header: string): string | null => {
  for (const [, href = '', parameters = ''] of header.matchAll(/<([^>]*)>((?:\s*;\s*[\w*-]+(?:=(?:"[^"]*"|[^",;\s]*))?)*)/g)) {
    const rel = /;\s*rel=(?:"([^"]*)"|([^",;\s]*))/i.exec(parameters)
    if ((rel?.[1] ?? rel?.[2] ?? '').toLowerCase().split(/\s+/).includes(REL)) return href
  }
  return null
}

/** Where there is a document to parse with: in a page. */
const linkInPage = (html: string): string | null =>
  typeof DOMParser === 'undefined'
    ? null
    : (new DOMParser().parseFromString(html, 'text/html').querySelector(`link[rel~="${REL}"]`)?.getAttribute('href') ?? null)
