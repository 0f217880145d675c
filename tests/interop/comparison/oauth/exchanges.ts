/** Requests of apps that are wrong in one way each, and some that are right: what both servers get. Each has a client and a key of its own. */
import { UnsecuredJWT } from 'jose'
import { LOOPBACK_REDIRECT } from '../../../fixtures/loopback-app.ts'
import { CLIENT_ID, type Fields, type ProofFaults, type RawClient } from './client.ts'

export interface Exchange {
  /** Named in docs/differences.md. */
  readonly id: string
  readonly run: (client: RawClient) => Promise<Response>
}

const exchange = (id: string, run: Exchange['run']): Exchange => ({ id: `oauth-${id}`, run })
const pushing = (id: string, changed: Readonly<Record<string, string | undefined>>): Exchange =>
  exchange(`par-${id}`, (client) => client.push(changed))
const proving = (id: string, faults: ProofFaults): Exchange =>
  exchange(`proof-${id}`, async (client) => {
    // The nonce is known by then: the fault is the only one.
    await client.push()
    return client.push({}, { proof: await client.proof('POST', '/oauth/par', faults) })
  })
const tokens = (id: string, fields: Fields): Exchange =>
  exchange(`token-${id}`, (client) => client.post('/oauth/token', { client_id: CLIENT_ID, ...fields }))

const loopback = (query: Fields): string => `http://localhost?${new URLSearchParams(query)}`
const get = (id: string, path: string, method = 'GET'): Exchange =>
  exchange(id, ({ server }) => fetch(server.url + path, { method, redirect: 'manual' }))
const ago = (seconds: number): number => Math.floor(Date.now() / 1000) - seconds

const documents: readonly Exchange[] = [
  get('protected-resource', '/.well-known/oauth-protected-resource'),
  get('authorization-server', '/.well-known/oauth-authorization-server'),
  get('jwks', '/oauth/jwks'),
]

const pushes: readonly Exchange[] = [
  pushing('right', {}),
  exchange('par-as-json', async (client) => {
    return client.post('/oauth/par', JSON.stringify(await client.wanted()), { headers: { 'content-type': 'application/json' } })
  }),
  exchange('par-as-text', (client) => client.post('/oauth/par', 'client_id=x', { headers: { 'content-type': 'text/plain' } })),
  exchange('par-broken-json', (client) => client.post('/oauth/par', '{"client_id":', { headers: { 'content-type': 'application/json' } })),
  exchange('par-empty', (client) => client.post('/oauth/par', '')),
  exchange('par-first-without-nonce', async (client) => client.push({}, { proof: await client.proof('POST', '/oauth/par') })),
  exchange('par-without-proof', (client) => client.push({}, { proof: null })),
  exchange('par-get', ({ server }) => fetch(`${server.url}/oauth/par`)),
  exchange('par-put', ({ server }) => fetch(`${server.url}/oauth/par`, { method: 'PUT' })),
  pushing('without-client', { client_id: undefined }),
  pushing('client-no-url', { client_id: 'some-app' }),
  pushing('client-http', { client_id: 'http://app.example.com/client-metadata.json' }),
  pushing('client-address', { client_id: 'https://192.0.2.1/client-metadata.json' }),
  pushing('client-without-path', { client_id: 'https://app.example.com/' }),
  pushing('client-dots', { client_id: 'https://app.example.com/a/../client-metadata.json' }),
  pushing('client-localhost-path', { client_id: `http://localhost/path?${new URLSearchParams({ redirect_uri: LOOPBACK_REDIRECT })}` }),
  pushing('client-localhost-port', { client_id: `http://localhost:80?${new URLSearchParams({ redirect_uri: LOOPBACK_REDIRECT })}` }),
  pushing('client-unreachable', { client_id: 'https://nowhere.invalid/client-metadata.json' }),
  pushing('without-response-type', { response_type: undefined }),
  pushing('response-type-token', { response_type: 'token' }),
  pushing('response-type-id-token', { response_type: 'code id_token' }),
  pushing('response-mode-unknown', { response_mode: 'web_message' }),
  pushing('response-mode-fragment', { response_mode: 'fragment' }),
  pushing('response-mode-form-post', { response_mode: 'form_post' }),
  pushing('without-redirect', { redirect_uri: undefined }),
  pushing('redirect-elsewhere', { redirect_uri: 'https://evil.example.com/callback' }),
  pushing('redirect-other-path', { redirect_uri: 'http://127.0.0.1:20099/other' }),
  pushing('redirect-other-port', { redirect_uri: 'http://127.0.0.1:4321/callback' }),
  pushing('redirect-localhost', { redirect_uri: 'http://localhost:20099/callback' }),
  pushing('redirect-javascript', { redirect_uri: 'javascript:alert(1)' }),
  pushing('without-scope', { scope: undefined }),
  pushing('scope-without-atproto', { scope: 'transition:generic' }),
  pushing('scope-not-declared', { scope: 'atproto transition:chat.bsky' }),
  pushing('scope-unknown', {
    client_id: loopback({ redirect_uri: LOOPBACK_REDIRECT, scope: 'atproto everything' }),
    scope: 'atproto everything',
  }),
  pushing('scope-openid', { client_id: loopback({ redirect_uri: LOOPBACK_REDIRECT, scope: 'atproto openid' }), scope: 'atproto openid' }),
  pushing('without-challenge', { code_challenge: undefined, code_challenge_method: undefined }),
  pushing('challenge-plain', { code_challenge: 'v'.repeat(50), code_challenge_method: 'plain' }),
  pushing('challenge-without-method', { code_challenge_method: undefined }),
  pushing('challenge-short', { code_challenge: 'short' }),
  pushing('challenge-unknown-method', { code_challenge_method: 'S512' }),
  pushing('without-state', { state: undefined }),
  pushing('prompt-unknown', { prompt: 'maybe' }),
  pushing('prompt-none', { prompt: 'none' }),
  pushing('login-hint-no-handle', { login_hint: 'not a handle' }),
  pushing('request-uri', { request_uri: 'urn:ietf:params:oauth:request_uri:req-x' }),
  pushing('request-broken', { request: 'abc' }),
  exchange('par-request-unsigned', async (client) => {
    const request = new UnsecuredJWT(await client.wanted())
    return client.post('/oauth/par', {
      client_id: CLIENT_ID,
      request: request.setIssuer(CLIENT_ID).setAudience(client.server.issuer).setIssuedAt().encode(),
    })
  }),
  pushing('dpop-jkt-of-another', { dpop_jkt: 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U' }),
  exchange('par-dpop-jkt', async (client) => client.push({ dpop_jkt: await client.thumbprint() })),
  pushing('secret', { client_secret: 'secret' }),
  pushing('assertion-broken', {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: 'a.b.c',
  }),
  pushing('nonce-parameter', { nonce: 'abc' }),
  pushing('display-unknown', { display: 'hologram' }),
  pushing('max-age-text', { max_age: 'old' }),
  pushing('long-state', { state: 's'.repeat(20_000) }),
]

const proofs: readonly Exchange[] = [
  proving('other-method', { claims: { htm: 'GET' } }),
  proving('other-path', { claims: { htu: 'http://localhost/oauth/token' } }),
  proving('other-host', { claims: { htu: 'https://evil.example.com/oauth/par' } }),
  proving('query-in-address', { claims: { htu: undefined } }),
  proving('without-jti', { claims: { jti: undefined } }),
  proving('old', { claims: { iat: ago(3600) } }),
  proving('from-the-future', { claims: { iat: ago(-3600) } }),
  proving('without-iat', { claims: { iat: undefined } }),
  proving('nonce-of-another', { claims: { nonce: 'bm90IGEgbm9uY2Ugb2YgdGhpcyBzZXJ2ZXI' } }),
  proving('without-nonce', { claims: { nonce: undefined } }),
  proving('typ-jwt', { header: { typ: 'JWT' } }),
  proving('without-key', { header: { jwk: undefined } }),
  proving('private-key', {
    header: {
      jwk: {
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
        d: 'jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI',
      },
    },
  }),
  proving('forged', { isForged: true }),
  exchange('proof-garbage', (client) => client.push({}, { proof: 'abc' })),
  exchange('proof-unsigned', async (client) => {
    const parts = [
      { typ: 'dpop+jwt', alg: 'none' },
      { htm: 'POST', htu: `${client.server.issuer}/oauth/par`, jti: 'x', iat: ago(0) },
    ]
    return client.push({}, { proof: `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.` })
  }),
  exchange('proof-by-secret', async (client) => {
    const parts = [
      { typ: 'dpop+jwt', alg: 'HS256', jwk: { kty: 'oct', k: 'c2VjcmV0' } },
      { htm: 'POST', htu: `${client.server.issuer}/oauth/par`, jti: 'x', iat: ago(0) },
    ]
    const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
    const key = await crypto.subtle.importKey('raw', Buffer.from('secret'), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
    const mac = Buffer.from(await crypto.subtle.sign('HMAC', key, Buffer.from(text))).toString('base64url')
    return client.push({}, { proof: `${text}.${mac}` })
  }),
  exchange('proof-replayed', async (client) => {
    await client.push()
    const proof = await client.proof('POST', '/oauth/par')
    await client.push({}, { proof })
    return client.push({}, { proof })
  }),
]

const requests: readonly Exchange[] = [
  tokens('without-grant-type', {}),
  tokens('grant-password', { grant_type: 'password', username: 'alice.test', password: 'x' }),
  tokens('grant-client-credentials', { grant_type: 'client_credentials' }),
  tokens('grant-unknown', { grant_type: 'urn:example:magic' }),
  tokens('code-unknown', {
    grant_type: 'authorization_code',
    code: `cod-${'0'.repeat(64)}`,
    redirect_uri: LOOPBACK_REDIRECT,
    code_verifier: 'v'.repeat(50),
  }),
  tokens('code-malformed', { grant_type: 'authorization_code', code: 'x', redirect_uri: LOOPBACK_REDIRECT, code_verifier: 'v'.repeat(50) }),
  tokens('without-code', { grant_type: 'authorization_code', redirect_uri: LOOPBACK_REDIRECT, code_verifier: 'v'.repeat(50) }),
  tokens('refresh-unknown', { grant_type: 'refresh_token', refresh_token: `ref-${'0'.repeat(64)}` }),
  tokens('refresh-malformed', { grant_type: 'refresh_token', refresh_token: 'x' }),
  tokens('without-refresh', { grant_type: 'refresh_token' }),
  exchange('token-without-client', (client) => client.post('/oauth/token', { grant_type: 'refresh_token', refresh_token: 'x' })),
  exchange('token-without-proof', (client) => client.refresh(`ref-${'0'.repeat(64)}`, {}, { proof: null })),
  exchange('token-get', ({ server }) => fetch(`${server.url}/oauth/token`)),
  exchange('revoke-unknown', (client) => client.post('/oauth/revoke', { client_id: CLIENT_ID, token: `ref-${'0'.repeat(64)}` })),
  exchange('revoke-malformed', (client) => client.post('/oauth/revoke', { client_id: CLIENT_ID, token: 'x' })),
  exchange('revoke-without-token', (client) => client.post('/oauth/revoke', { client_id: CLIENT_ID })),
  exchange('revoke-without-client', (client) => client.post('/oauth/revoke', { token: 'x' })),
  exchange('revoke-get', ({ server }) => fetch(`${server.url}/oauth/revoke`)),
]

const SESSION = '/xrpc/com.atproto.server.getSession'
/** A token of nobody: what can be said before one is looked at, and of one that is none. */
const strangers: readonly Exchange[] = [
  exchange('call-garbage', (client) => client.call(SESSION, 'abc')),
  exchange('call-without-proof', (client) => client.call(SESSION, 'abc', { proof: null })),
  exchange('call-proof-garbage', (client) => client.call(SESSION, 'abc', { proof: 'abc' })),
  exchange('call-scheme-alone', ({ server }) => fetch(server.url + SESSION, { headers: { authorization: 'DPoP' } })),
  exchange('call-two-words', ({ server }) => fetch(server.url + SESSION, { headers: { authorization: 'DPoP a b' } })),
  exchange('call-refresh', (client) => client.call('/xrpc/com.atproto.server.refreshSession', 'abc', { method: 'POST' })),
  exchange('call-public', (client) => client.call('/xrpc/com.atproto.server.describeServer', 'abc')),
]

/** Before anybody has agreed to anything. */
export const exchanges: readonly Exchange[] = [documents, pushes, proofs, requests, strangers].flat()
