/** Clients with an address of their own, whose metadata is wrong in one way each: each pushes a request that nothing else is wrong with. */
import type { Internet } from '../../../fixtures/internet.ts'
import { SCOPE } from './client.ts'
import type { Exchange } from './exchanges.ts'

/** Under which both servers find them. */
export const CLIENTS_DOMAIN = '.tests-of-tabpod.org'

type Metadata = Readonly<Record<string, unknown>>

interface PublishedClient {
  readonly id: string
  /** What is at its address. @param right what would be right there */
  readonly answer: (right: Metadata) => Response
  /** Asked for beside it. */
  readonly redirect?: string
}

const hostOf = (id: string): string => id + CLIENTS_DOMAIN
const clientIdOf = (id: string): string => `https://${hostOf(id)}/client-metadata.json`
const redirectOf = (id: string): string => `https://${hostOf(id)}/callback`

const metadataOf = (id: string): Metadata => ({
  client_id: clientIdOf(id),
  client_name: 'A client',
  client_uri: `https://${hostOf(id)}`,
  redirect_uris: [redirectOf(id)],
  scope: SCOPE,
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  application_type: 'web',
  token_endpoint_auth_method: 'none',
  dpop_bound_access_tokens: true,
})

/** `undefined` leaves a field out. */
const saying = (id: string, changed: Metadata, redirect?: string): PublishedClient => ({
  id,
  answer: (right) => Response.json({ ...right, ...changed }),
  ...(redirect !== undefined && { redirect }),
})
const answering = (id: string, answer: PublishedClient['answer']): PublishedClient => ({ id, answer })
const typed = (type: string) => (right: Metadata) => new Response(JSON.stringify(right), { headers: { 'content-type': type } })
const large = (bytes: number) => (right: Metadata) => Response.json({ ...right, client_name: 'n'.repeat(bytes) })
const bytes = (text: string) => () => new Response(text, { headers: { 'content-type': 'application/json' } })
const redirecting = (id: string, redirect: string, more: Metadata = {}): PublishedClient =>
  saying(id, { redirect_uris: [redirect], ...more }, redirect)
/** Beside the one that is asked for. */
const listing = (id: string, redirect: string, more: Metadata = {}): PublishedClient =>
  saying(id, { redirect_uris: [redirectOf(id), redirect], ...more })

const PUBLIC_KEY = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
  kid: 'key-1',
  alg: 'ES256',
  use: 'sig',
}
const PRIVATE_KEY = { ...PUBLIC_KEY, d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI' }
const keyed = (id: string, more: Metadata): PublishedClient =>
  saying(id, { token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', ...more })

const NATIVE = { application_type: 'native' }

const clients: readonly PublishedClient[] = [
  saying('right', {}),
  answering('type-with-charset', typed('application/json; charset=utf-8')),
  answering('type-text', typed('text/plain')),
  answering('type-html', typed('text/html')),
  answering('type-ld-json', typed('application/ld+json')),
  answering('large', large(100_000)),
  answering('huge', large(1_000_000)),
  answering('redirected', () => new Response(null, { status: 302, headers: { location: clientIdOf('right') } })),
  answering('moved', () => new Response(null, { status: 308, headers: { location: clientIdOf('right') } })),
  answering('not-found', () => Response.json({}, { status: 404 })),
  answering('not-found-but-right', (right) => Response.json(right, { status: 404 })),
  answering('failing', () => Response.json({}, { status: 500 })),
  answering('partial', (right) => Response.json(right, { status: 206 })),
  answering('empty', bytes('')),
  answering('no-json', bytes('<html>')),
  answering('json-array', bytes('[]')),
  answering('json-null', bytes('null')),
  answering('cut-off', (right) => bytes(JSON.stringify(right).slice(0, -2))()),
  saying('names-another', { client_id: clientIdOf('right') }),
  saying('names-none', { client_id: undefined }),
  saying('names-itself-with-a-query', { client_id: `${clientIdOf('names-itself-with-a-query')}?a=b` }),
  saying('dpop-missing', { dpop_bound_access_tokens: undefined }),
  saying('dpop-false', { dpop_bound_access_tokens: false }),
  saying('mutual-tls', { tls_client_certificate_bound_access_tokens: true }),
  saying('response-types-missing', { response_types: undefined }),
  saying('response-types-none', { response_types: ['none'] }),
  saying('response-types-token', { response_types: ['token'] }),
  saying('response-types-empty', { response_types: [] }),
  saying('grant-types-missing', { grant_types: undefined }),
  saying('grant-types-implicit', { grant_types: ['authorization_code', 'implicit'] }),
  saying('grant-types-password', { grant_types: ['authorization_code', 'password'] }),
  saying('grant-types-refresh-alone', { grant_types: ['refresh_token'] }),
  saying('grant-types-twice', { grant_types: ['authorization_code', 'authorization_code'] }),
  saying('scope-missing', { scope: undefined }),
  saying('scope-without-atproto', { scope: 'transition:generic' }),
  saying('scope-twice', { scope: 'atproto atproto transition:generic' }),
  saying('scope-narrower', { scope: 'atproto' }),
  saying('auth-missing', { token_endpoint_auth_method: undefined }),
  saying('auth-secret', { token_endpoint_auth_method: 'client_secret_post' }),
  saying('auth-none-with-algorithm', { token_endpoint_auth_signing_alg: 'ES256' }),
  saying('subject-pairwise', { subject_type: 'pairwise' }),
  saying('default-max-age', { default_max_age: 60 }),
  saying('uri-local', { client_uri: 'https://localhost/' }),
  saying('uri-of-another', { client_uri: 'https://other.example.com/' }),
  keyed('keys-missing', {}),
  keyed('keys-empty', { jwks: { keys: [] } }),
  keyed('keys-public', { jwks: { keys: [PUBLIC_KEY] } }),
  keyed('keys-private', { jwks: { keys: [PRIVATE_KEY] } }),
  keyed('keys-secret', { jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'key-1', alg: 'HS256' }] } }),
  keyed('keys-twice', { jwks: { keys: [PUBLIC_KEY] }, jwks_uri: `https://${hostOf('right')}/jwks.json` }),
  keyed('keys-elsewhere', { jwks_uri: `https://${hostOf('jwks-not-found')}/jwks.json` }),
  keyed('keys-without-algorithm', { jwks: { keys: [PUBLIC_KEY] }, token_endpoint_auth_signing_alg: undefined }),
  keyed('keys-native', { ...NATIVE, jwks: { keys: [PUBLIC_KEY] } }),
  saying('keys-private-beside', { jwks: { keys: [PRIVATE_KEY] } }),
  saying('redirects-missing', { redirect_uris: undefined }),
  saying('redirects-none', { redirect_uris: [] }),
  saying('redirects-no-text', { redirect_uris: [7] }),
  saying('redirect-not-listed', {}, 'https://evil.example.com/callback'),
  redirecting('redirect-other-host', 'https://other.example.com/callback'),
  redirecting('redirect-http', `http://${hostOf('redirect-http')}/callback`),
  redirecting('redirect-local', 'http://localhost/callback'),
  redirecting('redirect-loopback', 'http://127.0.0.1/callback'),
  redirecting('redirect-loopback-native', 'http://127.0.0.1/callback', NATIVE),
  redirecting('redirect-loopback-tls', 'https://127.0.0.1/callback', NATIVE),
  redirecting('redirect-with-password', `https://a:b@${hostOf('redirect-with-password')}/callback`),
  redirecting('redirect-javascript', 'javascript:alert(1)'),
  redirecting('redirect-data', 'data:text/html,x'),
  redirecting('redirect-relative', '/callback'),
  redirecting('redirect-with-fragment', `${redirectOf('redirect-with-fragment')}#there`),
  redirecting('redirect-own-scheme', 'org.tests-of-tabpod.redirect-own-scheme:/callback', NATIVE),
  redirecting('redirect-own-scheme-web', 'org.tests-of-tabpod.redirect-own-scheme-web:/callback'),
  redirecting('redirect-own-scheme-slashes', 'org.tests-of-tabpod.redirect-own-scheme-slashes://callback', NATIVE),
  redirecting('redirect-scheme-of-another', 'org.tests-of-tabpod.other:/callback', NATIVE),
  redirecting('redirect-scheme-without-dots', 'clients:/callback', NATIVE),
  listing('lists-http', `http://${hostOf('lists-http')}/callback`),
  listing('lists-localhost', 'http://localhost/callback', NATIVE),
  listing('lists-loopback', 'http://127.0.0.1/callback'),
  listing('lists-javascript', 'javascript:alert(1)'),
  listing('lists-relative', '/callback'),
  listing('lists-scheme-of-another', 'org.tests-of-tabpod.other:/callback', NATIVE),
  listing('lists-other-host', 'https://other.example.com/callback'),
]

export const publishClients = (internet: Internet): void => {
  for (const { id, answer } of clients) internet.serve(hostOf(id), () => answer(metadataOf(id)))
}

export const publishedExchanges: readonly Exchange[] = clients.map(({ id, redirect = redirectOf(id) }) => ({
  id: `oauth-client-${id}`,
  run: async (client) => {
    const response = await client.push({ client_id: clientIdOf(id), redirect_uri: redirect })
    // Else nothing would be compared but two servers that find nobody.
    if (id === 'right' && response.status !== 201) throw new Error(`${client.server.url}: ${await response.text()}`)
    return response
  },
}))
