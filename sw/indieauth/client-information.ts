/**
 * What a site says of itself at its client_id: its name, and where answers may go. A JSON document, and HTTP `Link` headers; its HTML is not looked at.
 * @see https://indieauth.spec.indieweb.org/#client-information-discovery
 */
import * as v from 'valibot'
import { XrpcError } from '../../wire/errors.ts'
import { MAX_CLIENT_NAME_CHARS } from '../../wire/indieauth-limits.ts'
import { isLoopbackHost } from '../../wire/loopback.ts'
import { OAUTH_DOCUMENT_STALE_MS } from '../../wire/oauth-limits.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { fetchDocument } from '../oauth/client-documents.ts'
import { parseClientId } from './client-id.ts'
import { putOAuthDocument, readOAuthDocument } from '../store/oauth-documents.ts'
import type { Store } from '../store/open.ts'

export interface ClientInformation {
  /** In its own words. */
  readonly name?: string
  readonly redirectUris: readonly string[]
}

/** @throws XrpcError 400 `invalid_client`: what it says of itself is not so */
export type InformationOf = (clientId: URL) => Promise<ClientInformation>

export const clientInformation =
  ({ store, fetch, now }: { readonly store: Store; readonly fetch: Fetch; readonly now: () => number }): InformationOf =>
  async (clientId) => {
    // What is at this machine is another thing for the room than for the browser: https://indieauth.spec.indieweb.org/#client-identifier
    if (isLoopbackHost(clientId.hostname)) return NOTHING
    const key = `site ${clientId.href}`
    const kept = await readOAuthDocument(store, key)
    // As it was written below.
    if (kept && kept.at + OAUTH_DOCUMENT_STALE_MS > now()) return kept.value as ClientInformation
    const response = await fetchDocument(fetch)(clientId.href, { headers: { accept: 'application/json' } })
    // A site without words is one nevertheless: its answers go to its own origin.
    if (!response.ok) return NOTHING
    const value = await read(response, clientId)
    await putOAuthDocument(store, { key, value, at: now() })
    return value
  }

const NOTHING: ClientInformation = { redirectUris: [] }

const document = v.object({
  client_id: v.string(),
  client_uri: v.optional(v.string(), ''),
  client_name: v.optional(v.string()),
  redirect_uris: v.optional(v.array(v.string())),
})

const read = async (response: Response, clientId: URL): Promise<ClientInformation> => {
  const linked = linksOf(response.headers.get('link') ?? '', 'redirect_uri', clientId)
  if (!/\bjson\b/i.test(response.headers.get('content-type') ?? '')) return { redirectUris: linked }
  const parsed = v.safeParse(document, await response.json().catch(() => null))
  if (!parsed.success) throw lying('is no client metadata')
  const { client_id, client_uri, client_name, redirect_uris = [] } = parsed.output
  if (parseClientId(client_id)?.href !== clientId.href) throw lying('names another client_id than its own address')
  if (!clientId.href.startsWith(client_uri)) throw lying('names a client_uri that is no beginning of its client_id')
  const name = client_name?.trim().slice(0, MAX_CLIENT_NAME_CHARS)
  return { ...(name && { name }), redirectUris: [...redirect_uris, ...linked] }
}

const lying = (what: string): XrpcError => new XrpcError(400, 'invalid_client', `The document at the client_id ${what}.`)

/** @see https://www.rfc-editor.org/rfc/rfc8288#section-3 */
const linksOf = (header: string, rel: string, base: URL): string[] =>
  Array.from(header.matchAll(/<([^<>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:"[^"]*"|[^\s";,]+))*)/g)).flatMap(
    ([, target = '', parameters = '']) => {
      const rels = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s";,]+))/i.exec(parameters)
      const isMeant = (rels?.[1] ?? rels?.[2] ?? '').toLowerCase().split(/\s+/).includes(rel)
      return isMeant && URL.canParse(target, base) ? [new URL(target, base).href] : []
    },
  )
