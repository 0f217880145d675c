/** For the tests of the composition: a pod whose other services answer what a test says, and sessions of every scope. */
import 'fake-indexeddb/auto'
import { parseMultikey, verifySignature } from '@atproto/crypto'
import { jwtVerify, SignJWT } from 'jose'
import { afterEach, beforeEach, expect } from 'vitest'
import type { AccessScope } from './account/sessions.ts'
import { createPod, type Pod } from './app.ts'
import type { AppTokens } from './http/auth.ts'
import { openStore, type Store } from './store/open.ts'
import { putSession } from './store/sessions.ts'

export const ORIGIN = 'http://localhost:1999'
export const DID = 'did:web:localhost%3A1999'
export const APPVIEW = 'did:web:appview.example#bsky_appview'
export const LABELER = 'did:web:labeler.example#atproto_labeler'

export interface Sent {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body: RequestInit['body']
}

interface Served {
  pod: Pod
  /** What went to other services, DID documents excepted. */
  sent: Sent[]
  services: { appview: string | null; plc: null; mail: false }
  /** What the other services answer, by host and path. */
  answers: Record<string, (request: Sent) => Response | Promise<Response>>
}

export const documentOf = (host: string, service: string) => ({
  id: `did:web:${host}`,
  service: [{ id: `#${service}`, type: 'Service', serviceEndpoint: `https://${host}` }],
})

/** A fresh one for each test of the file that calls this. @param apps default: no app is signed in */
export const servePod = (apps?: AppTokens): Served => {
  let store: Store
  const served = {} as Served
  const fetch = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const { host, pathname } = new URL(url)
    const request: Sent = { url, method: init.method ?? 'GET', headers: new Headers(init.headers), body: init.body }
    if (pathname !== '/.well-known/did.json') served.sent.push(request)
    return served.answers[host + pathname]?.(request) ?? new Response('no such page', { status: 404 })
  }
  beforeEach(async () => {
    store = await openStore(crypto.randomUUID())
    // As if the owner had signed in: the tokens of `call` are of this session.
    await putSession(store, { id: 'refresh', family: 'session', createdAt: Date.now(), expiresAt: Date.now() + 3_600_000 })
    served.sent = []
    served.services = { appview: APPVIEW, plc: null, mail: false }
    served.answers = {
      'appview.example/.well-known/did.json': () => Response.json(documentOf('appview.example', 'bsky_appview')),
      'labeler.example/.well-known/did.json': () => Response.json(documentOf('labeler.example', 'atproto_labeler')),
      'api.bsky.chat/.well-known/did.json': () => Response.json(documentOf('api.bsky.chat', 'bsky_chat')),
    }
    const egress = {
      fetch,
      get services() {
        return served.services
      },
    }
    served.pod = await createPod(
      store,
      { handle: 'alice.test', password: 'correct horse', origin: ORIGIN },
      { egress, ...(apps && { apps }) },
    )
  })
  afterEach(async () => {
    await served.pod.close()
    store.close()
  })
  return served
}

const tokenOf = ({ pod }: Served, scope: AccessScope) =>
  new SignJWT({ scope, sid: 'session' })
    .setProtectedHeader({ typ: 'at+jwt', alg: 'HS256' })
    .setSubject(DID)
    .setAudience(DID)
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(pod.vault.sessionKey)

export type Init = Omit<RequestInit, 'headers'> & { scope?: AccessScope | null; proxy?: string; headers?: Record<string, string> }

/** @param path behind `/xrpc/` */
export const call = async (served: Served, path: string, init: Init = {}): Promise<Response> => {
  const { scope = 'com.atproto.access', proxy, headers = {}, ...rest } = init
  const all = {
    ...headers,
    ...(scope !== null && { authorization: `Bearer ${await tokenOf(served, scope)}` }),
    ...(proxy !== undefined && { 'atproto-proxy': proxy }),
  }
  return served.pod.handle(new Request(`${ORIGIN}/xrpc/${path}`, { ...rest, headers: all }), { origin: 'shim' })
}

export const json = (body: object) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

export const errorOf = async (response: Response) => ({ status: response.status, ...(await response.json()) })

/** As any service checks it: with nothing but the public document of the account. */
export const verified = async ({ pod }: Served, token: string) => {
  const document = JSON.parse((await pod.documents())['/.well-known/did.json'] ?? '') as {
    verificationMethod: [{ publicKeyMultibase: string }]
  }
  const multikey = document.verificationMethod[0].publicKeyMultibase
  const { keyBytes } = parseMultikey(multikey)
  const raw = new Uint8Array(keyBytes)
  const key = await crypto.subtle.importKey('raw', raw, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
  const { payload, protectedHeader } = await jwtVerify(token, key, { algorithms: ['ES256'], typ: 'JWT' })
  const [head, body, signature] = token.split('.')
  // Strict: refuses the high-S form that jose lets through.
  const bytes = Buffer.from(signature ?? '', 'base64url')
  expect(await verifySignature(`did:key:${multikey}`, Buffer.from(`${head}.${body}`), bytes, { jwtAlg: 'ES256' })).toBe(true)
  return { ...payload, kid: protectedHeader.kid }
}

export const tokenSent = (served: Served, request: Sent | undefined) =>
  verified(served, request?.headers.get('authorization')?.slice('Bearer '.length) ?? '')
