/** For tests of the provider: a pod's, on a store of its own, and a client that speaks to it as apps do. */
import { LexResolverError } from '@atproto/oauth-provider/provider'
import { base64url, calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { CATALOGS } from '../languages/catalogs.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { changeOAuthDevice } from '../store/oauth-devices.ts'
import { openStore, type Store } from '../store/open.ts'
import { type Device, OWN_DEVICE } from './contract.ts'
import type { Devices } from './devices.ts'
import { composeOAuth, type OAuth } from './oauth.ts'
import { composeDevices } from './page-services.ts'
import type { ProviderParts, ProviderSettings } from './provider.ts'

export const ORIGIN = 'http://localhost:1999'
export const DID = 'did:web:localhost%3A1999'
export const DEVICE: Device = { id: OWN_DEVICE, userAgent: 'Test/1.0', address: '192.0.2.7' }
export const REDIRECT = 'http://127.0.0.1/callback'
export const LOOPBACK = `http://localhost?redirect_uri=${encodeURIComponent(REDIRECT)}&scope=${encodeURIComponent('atproto transition:generic')}`

export interface Stage {
  readonly name: string
  readonly store: Store
  readonly oauth: OAuth
  readonly devices: Devices
  /** Straight to the endpoints. */
  readonly send: Send
  /** What clients publish, by URL. */
  readonly web: Map<string, () => Response>
  readonly failures: unknown[]
}

const NO_LEXICONS: ProviderParts['lexicons'] = {
  get: (nsid) => Promise.reject(LexResolverError.from(nsid)),
}

/** @param name of the store: the same one again is what a new worker finds */
export const stage = async (
  options: {
    readonly name?: string
    readonly settings?: ProviderSettings
    readonly web?: Map<string, () => Response>
    readonly lexicons?: ProviderParts['lexicons']
  } = {},
): Promise<Stage> => {
  const { name = crypto.randomUUID(), settings, web = new Map(), lexicons = NO_LEXICONS } = options
  const store = await openStore(name)
  const failures: unknown[] = []
  const fetch: Fetch = async (url) => web.get(url)?.() ?? new Response(null, { status: 404 })
  const identity = { did: DID, handle: 'alice.test', standing: 'active', origin: ORIGIN, createdAt: new Date(0).toISOString() } as const
  const devices = composeDevices({ store, identity, now: Date.now })
  const oauth = composeOAuth({
    store,
    identity,
    audience: DID,
    devices,
    fetch,
    lexicons,
    ...(settings && { settings }),
    log: { failure: (_what, cause) => failures.push(cause) },
    locales: ['en', ...Object.keys(CATALOGS)],
    now: Date.now,
  })
  return { name, store, oauth, devices, send: sendTo(oauth), web, failures }
}

/** The device is known and the owner signed in on it. */
export const signIn = async ({ store }: Stage, { id, userAgent, address } = DEVICE): Promise<void> => {
  const now = Date.now()
  const account = { did: DID, since: now, at: now, by: 'password' as const }
  await changeOAuthDevice(store, id, (row) => ({ ...(row ?? { id, userAgent, address, createdAt: now, lastSeenAt: now }), account }))
}

/** The owner's part: opens the page and agrees. @returns what comes back at the client's redirect_uri */
export const agree = async (
  { oauth }: Stage,
  clientId: string,
  requestUri: string,
  more: { readonly scopes?: readonly string[]; readonly until?: number } = {},
): Promise<URLSearchParams> => {
  const begun = await oauth.authorizations.begin(new URLSearchParams({ client_id: clientId, request_uri: requestUri }), DEVICE)
  if (begun.kind === 'reply') throw new Error(`answered at once: ${begun.reply.outcome}`)
  const reply = await oauth.authorizations.accept({ requestUri, device: DEVICE, ...more })
  if (reply.kind === 'form') return new URLSearchParams(reply.fields)
  return new URL(reply.url).searchParams
}

/** An app that the owner has let in. @param more what the owner decides */
export const letIn = async (here: Stage, app: TestClient, more: Parameters<typeof agree>[3] = {}): Promise<Record<string, unknown>> => {
  const code = await codeFor(here, app, more)
  const { status, body } = await app.exchange(code)
  if (status !== 200) throw new Error(JSON.stringify(body))
  return body
}

export const codeFor = async (here: Stage, app: TestClient, more: Parameters<typeof agree>[3] = {}): Promise<string> => {
  await signIn(here)
  const { body } = await app.push()
  return (await agree(here, app.clientId, String(body.request_uri), more)).get('code') ?? ''
}

/** Whether the access token still opens something. */
export const opens = async ({ oauth }: Stage, app: TestClient, accessToken: unknown): Promise<boolean> => {
  app.nonce = await oauth.access.nextNonce()
  return oauth.access.authenticate(await app.call(accessToken)).then(
    () => true,
    () => false,
  )
}

export const CONFIDENTIAL = 'https://app.example.com/client.json'

/** What a confidential client publishes. */
export const METADATA = {
  client_id: CONFIDENTIAL,
  client_name: 'An app',
  redirect_uris: ['https://app.example.com/back'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: 'atproto transition:generic',
  application_type: 'web',
  dpop_bound_access_tokens: true,
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: 'ES256',
} as const

/** A server that proves itself by keys of its own, which it publishes at `jwks_uri`. */
export const confidentialClient = async (
  here: Stage,
  metadata: Record<string, unknown> = {},
): Promise<{
  readonly app: TestClient
  readonly keys: AssertionKey[]
  assertion(changed?: Record<string, unknown>, goodFor?: string): Promise<string>
}> => {
  const keys: AssertionKey[] = [await makeAssertionKey('key-1')]
  const JWKS = 'https://app.example.com/jwks.json'
  here.web.set(CONFIDENTIAL, () => Response.json({ ...METADATA, jwks_uri: JWKS, ...metadata }))
  here.web.set(JWKS, () => Response.json({ keys: keys.map(({ jwk }) => jwk) }))
  const app = await TestClient.make(here.send, CONFIDENTIAL)
  app.redirect = 'https://app.example.com/back'
  const assertion = async (changed: Record<string, unknown> = {}, goodFor = '1m'): Promise<string> => {
    const [key] = keys
    if (!key) throw new Error('no key')
    return new SignJWT({ iss: CONFIDENTIAL, sub: CONFIDENTIAL, aud: ORIGIN, jti: crypto.randomUUID(), ...changed })
      .setProtectedHeader({ alg: 'ES256', kid: String(key.jwk.kid) })
      .setIssuedAt()
      .setExpirationTime(goodFor)
      .sign(key.privateKey)
  }
  app.credentials = async () => ({ client_assertion_type: ASSERTION_TYPE, client_assertion: await assertion() })
  return { app, keys, assertion }
}

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

export interface AssertionKey {
  readonly jwk: JWK
  readonly privateKey: CryptoKey
}

export const makeAssertionKey = async (kid: string): Promise<AssertionKey> => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
  // jose's keys are CryptoKeys here.
  return { jwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' }, privateKey: privateKey as unknown as CryptoKey }
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

export type Send = (request: Request) => Promise<Response>

const sendTo =
  ({ endpoints }: Pick<OAuth, 'endpoints'>): Send =>
  async (request) =>
    (await endpoints.answer(new URL(request.url).pathname, request)) ?? new Response(null, { status: 404 })

/** A client of its own making, so that it can do what no honest one does. */
export class TestClient {
  readonly clientId: string
  readonly #send: Send
  readonly #pair: CryptoKeyPair
  /** Sent along with everything: how the client proves itself. */
  credentials: () => Promise<Record<string, string>> = async () => ({})
  nonce: string | undefined
  redirect = REDIRECT
  verifier = 'v'.repeat(22) + crypto.randomUUID()

  /** @param server its endpoints, or the world's way to them */
  static async make(server: Send | Pick<OAuth, 'endpoints'>, clientId = LOOPBACK): Promise<TestClient> {
    // jose's keys are CryptoKeys here.
    return new TestClient(
      typeof server === 'function' ? server : sendTo(server),
      clientId,
      (await generateKeyPair('ES256', { extractable: true })) as unknown as CryptoKeyPair,
    )
  }

  private constructor(send: Send, clientId: string, pair: CryptoKeyPair) {
    this.#send = send
    this.clientId = clientId
    this.#pair = pair
  }

  async jkt(): Promise<string> {
    return calculateJwkThumbprint(await exportJWK(this.#pair.publicKey))
  }

  /** @param changed claims and header of the proof that are to be wrong */
  async proof(
    htm: string,
    htu: string,
    changed: { readonly claims?: Record<string, unknown>; readonly header?: Record<string, unknown> } = {},
  ): Promise<string> {
    const jwk: JWK = await exportJWK(this.#pair.publicKey)
    const claims = {
      htm,
      htu,
      jti: crypto.randomUUID(),
      iat: Math.floor(Date.now() / 1000),
      ...(this.nonce !== undefined && { nonce: this.nonce }),
      ...changed.claims,
    }
    return new SignJWT(claims).setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk, ...changed.header }).sign(this.#pair.privateKey)
  }

  /** Once, as it is. */
  async post(path: string, fields: Record<string, string>, proof?: string): Promise<Answered> {
    const body = new URLSearchParams({ client_id: this.clientId, ...(await this.credentials()), ...fields })
    const headers = { dpop: proof ?? (await this.proof('POST', `${ORIGIN}${path}`)) }
    const response = await this.#send(new Request(`${ORIGIN}${path}`, { method: 'POST', body, headers }))
    const nonce = response.headers.get('dpop-nonce')
    if (nonce) this.nonce = nonce
    return { status: response.status, headers: response.headers, body: await response.json() }
  }

  /** Again where the server wants a nonce, as apps do. */
  async ask(path: string, fields: Record<string, string>): Promise<Answered> {
    const first = await this.post(path, fields)
    return first.body.error === 'use_dpop_nonce' ? this.post(path, fields) : first
  }

  async push(changed: Record<string, string> = {}): Promise<Answered> {
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(this.verifier))
    return this.ask('/oauth/par', {
      response_type: 'code',
      redirect_uri: this.redirect,
      scope: 'atproto transition:generic',
      state: 'state-1',
      code_challenge: base64url.encode(new Uint8Array(hash)),
      code_challenge_method: 'S256',
      ...changed,
    })
  }

  async exchange(code: string, changed: Record<string, string> = {}): Promise<Answered> {
    return this.ask('/oauth/token', {
      grant_type: 'authorization_code',
      code,
      redirect_uri: this.redirect,
      code_verifier: this.verifier,
      ...changed,
    })
  }

  async refresh(refreshToken: unknown): Promise<Answered> {
    return this.ask('/oauth/token', { grant_type: 'refresh_token', refresh_token: String(refreshToken) })
  }

  /** A call of the resource server. */
  async call(accessToken: unknown, path = '/xrpc/com.atproto.server.getSession', proof?: string): Promise<Request> {
    const ath = base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(String(accessToken)))))
    const dpop = proof ?? (await this.proof('GET', `${ORIGIN}${path}`, { claims: { ath } }))
    return new Request(`${ORIGIN}${path}`, { headers: { authorization: `DPoP ${String(accessToken)}`, dpop } })
  }
}
