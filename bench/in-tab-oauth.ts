/**
 * What apps cost the worker, Request in, Response out: the same reading with a token and without, and the endpoints that tokens come from. Runs in a worker of a real Chromium
 * (`in-tab-worker.ts`): no tunnel, no socket.
 */
import { base64url } from 'jose'
import { createPod, type Pod } from '../sw/app.ts'
import { codeFor, letIn, ORIGIN, type Send, type Stage, TestClient } from '../sw/oauth/testing.ts'
import { openStore, type Store } from '../sw/store/open.ts'
import { median, timed } from './statistics.ts'

export interface AppTokenReport {
  /** Median ms of each endpoint. */
  readonly endpoints: { readonly push: number; readonly token: number; readonly refresh: number }
  /** Median ms of a reading by nobody. */
  readonly open: number
  /** Median ms of the same by an app, its proof included, which it has signed before. */
  readonly withToken: number
}

const WARM_UP = 50
const READINGS = 400
const EXCHANGES = 60
const REFRESHES = 100
const COLLECTION = 'com.example.benchmark'

export const measureAppToken = async (): Promise<AppTokenReport> => {
  const store = await openStore(`app-token-${crypto.randomUUID()}`)
  const pod = await createPod(store, { handle: 'bench.test', password: 'a password for the benchmark', origin: ORIGIN })
  const handle = (request: Request) => pod.handle(request, { origin: 'local' })
  await pod.repo.write([{ action: 'put', collection: COLLECTION, rkey: 'one', record: { $type: COLLECTION } }], { validate: false })
  const app = await TestClient.make(handle)
  // Of a stage this needs the store and the provider.
  const { access_token: token } = await letIn({ store, oauth: pod.oauth } as Stage, app)
  app.nonce = await pod.oauth.access.nextNonce()

  // The one getRecord that looks at a token: the other is open to anyone, here and at the reference.
  const query = new URLSearchParams({ did: pod.identity.did, collection: COLLECTION, rkey: 'one' })
  const path = `/xrpc/com.atproto.sync.getRecord?${query}`
  const ath = base64url.encode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(String(token)))))
  // An address of a proof has no query: https://datatracker.ietf.org/doc/html/rfc9449#section-4.2
  const address = `${ORIGIN}/xrpc/com.atproto.sync.getRecord`
  const call = async () => app.call(token, path, await app.proof('GET', address, { claims: { ath } }))
  const samples = { open: [] as number[], withToken: [] as number[] }
  for (let n = 0; n < WARM_UP + READINGS; n++) {
    const requests = { open: new Request(ORIGIN + path), withToken: await call() }
    for (const kind of ['open', 'withToken'] as const) {
      const ms = await timed(async () => {
        const response = await handle(requests[kind])
        if (response.status !== 200) throw new Error(await response.text())
        await response.arrayBuffer()
      })
      if (n >= WARM_UP) samples[kind].push(ms)
    }
  }
  const endpoints = await measureEndpoints(store, pod)
  await pod.close()
  return { open: median(samples.open), withToken: median(samples.withToken), endpoints }
}

/** Proofs are signed beforehand, and the owner's part is not counted. */
const measureEndpoints = async (store: Store, pod: Pod): Promise<AppTokenReport['endpoints']> => {
  let last = 0
  const send: Send = async (request) => {
    let response = new Response()
    last = await timed(async () => {
      response = await pod.handle(request, { origin: 'local' })
    })
    if (!response.ok) throw new Error(await response.text())
    return response
  }
  // Of a stage this needs the store and the provider.
  const here = { store, oauth: pod.oauth } as Stage
  const app = await TestClient.make(send)
  app.nonce = (await (await TestClient.make((request) => pod.handle(request, { origin: 'local' }))).push()).headers.get('dpop-nonce') ?? ''
  const samples = { push: [] as number[], token: [] as number[], refresh: [] as number[] }
  let refreshToken: unknown
  for (let n = 0; n < EXCHANGES; n++) {
    // Each challenge is good for one code.
    app.verifier = crypto.randomUUID() + crypto.randomUUID()
    await app.push()
    samples.push.push(last)
    refreshToken = (await app.exchange(await codeFor(here, app))).body['refresh_token']
    samples.token.push(last)
  }
  for (let n = 0; n < REFRESHES; n++) {
    refreshToken = (await app.refresh(refreshToken)).body['refresh_token']
    samples.refresh.push(last)
  }
  return { push: median(samples.push), token: median(samples.token), refresh: median(samples.refresh) }
}
