/** Who this site is to the servers that it asks. Under http it is a program on this machine, and calls itself what such programs are called. */

import type { OAuthClientMetadataInput } from '@atproto/oauth-types'

export interface ClientIdentity {
  /** IndieAuth and FedCM. @see https://indieauth.spec.indieweb.org/#client-identifier */
  readonly siteId: string
  /** AT Protocol OAuth. @see https://atproto.com/specs/oauth#clients */
  readonly appId: string
  readonly redirectUri: string
}

export const CLIENT_DOCUMENT = 'client-metadata.json'
/** Enough to learn who it is. */
const APP_SCOPE = 'atproto'

/** @param address of this page, without query and fragment */
export const clientAt = (address: string): ClientIdentity => {
  if (address.startsWith('https:')) {
    const document = new URL(CLIENT_DOCUMENT, address).href
    return { siteId: document, appId: document, redirectUri: address }
  }
  const appId = `http://localhost?${new URLSearchParams({ redirect_uri: address, scope: APP_SCOPE }).toString()}`
  return { siteId: address, appId, redirectUri: address }
}

/** One document for both protocols; a site under https serves it at its client_id. */
export const clientDocument = (address: string): OAuthClientMetadataInput => {
  const { appId, redirectUri } = clientAt(address)
  return {
    client_id: appId,
    client_name: 'Who is there?',
    client_uri: address as `https://${string}`,
    redirect_uris: [redirectUri as `https://${string}`],
    scope: APP_SCOPE,
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    application_type: address.startsWith('https:') ? 'web' : 'native',
    token_endpoint_auth_method: 'none',
    dpop_bound_access_tokens: true,
  }
}
