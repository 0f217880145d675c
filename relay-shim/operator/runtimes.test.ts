/** Hosts, the operator's page and the rooms' talk among themselves in workerd, under `partykit dev` and `wrangler dev`: what only the real runtimes can show. */
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { WebSocket } from 'ws'
import { FORGET_PATH, KICK_PATH, LOOK_PATH, OPERATOR_PATH, type RoomList, ROOMS_PATH } from '../../wire/operator.ts'
import { type RealRoom, startRealRoom } from '../testing/real-room.ts'
import { connectTab } from '../testing/real-tab.ts'
import { create, SigningPod } from '../testing/signing-pod.ts'
import { newKeys, signedHello, type TabKeys, TestTab } from '../testing/tab.ts'

const TOKEN = 'the-operators-own-token'
const CLAIM = 'a-token-of-many-characters'
const DID = 'did:plc:abcdefghijklmnopqrstuvwx'
const [ALICE, BOB] = ['alice.pods.example', 'pds.example']

let shim: RealRoom
const sockets: WebSocket[] = []

interface Answer {
  readonly status: number | undefined
  readonly headers: NodeJS.Dict<string | string[]>
  readonly text: string
}

/** `fetch` lets neither a Host header through nor a path that is not in order. */
const ask = (host: string, path: string, { method = 'GET', headers = {}, body = '' } = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    httpRequest({ host: '127.0.0.1', port: shim.port, path, method, agent: false, headers: { host, ...headers } }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(pieces).toString() }))
    })
      .on('error', reject)
      .end(body)
  })
const authorization = `Bearer ${TOKEN}`
const order = async (path: string, body: object): Promise<Answer> =>
  ask(ALICE, path, { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: JSON.stringify(body) })
const rooms = async (): Promise<RoomList['rooms']> =>
  (JSON.parse((await ask(BOB, ROOMS_PATH, { headers: { authorization } })).text) as RoomList).rooms

const connect = async (host: string, keys: TabKeys): Promise<TestTab> => {
  const { tab, socket } = await connectTab({ port: shim.port, host }, host, keys)
  sockets.push(socket)
  tab.onRequest = ({ id, path }) => tab.answer(id, `tab: ${path}`)
  return tab
}

describe.each(['partykit', 'wrangler'] as const)('on %s', (runtime) => {
  beforeAll(async () => {
    shim = await startRealRoom(runtime, CLAIM, {
      TABPOD_HOSTS: `${BOB}, *.pods.example, pod.example`,
      TABPOD_HANDLES: `handle.pods.example=${DID}>https://bsky.app/profile/handle.pods.example`,
      TABPOD_OPERATOR_TOKEN: TOKEN,
      TABPOD_QUOTA_EVENTS_PER_DAY: '3',
    })
  }, 120_000)
  afterAll(async () => {
    for (const socket of sockets.splice(0)) socket.terminate()
    await shim?.stop()
  })

  test('a host name that is not listed has no room, and no page', async () => {
    for (const host of ['other.example', 'a.b.pods.example', `localhost:${shim.port}`])
      for (const path of ['/', '/xrpc/_health', OPERATOR_PATH]) expect([path, (await ask(host, path)).status]).toEqual([path, 421])
    expect((await ask(ALICE, '/')).text).toContain('<title>page</title>')
  })

  test('a host that is only a handle says whose it is, and leads visitors on', async () => {
    const host = 'handle.pods.example'
    expect(await ask(host, '/.well-known/atproto-did')).toMatchObject({ status: 200, text: DID })
    expect(await ask(host, '/')).toMatchObject({ status: 302, headers: { location: 'https://bsky.app/profile/handle.pods.example' } })
    for (const path of ['/xrpc/_health', '/.well-known/did.json', '/sw.js', OPERATOR_PATH]) expect((await ask(host, path)).status).toBe(404)
  })

  test('the operator sees two rooms, sends a tab away, and has the other forgotten', async () => {
    const keys = [await newKeys(), await newKeys()] as const
    const alice = await connect(ALICE, keys[0])
    await alice.join({ claim: CLAIM })
    await (await connect(BOB, keys[1])).join({ claim: CLAIM })
    await vi.waitFor(
      async () =>
        expect((await rooms()).map(({ host, online }) => [host, online])).toEqual([
          [ALICE, true],
          [BOB, true],
        ]),
      10_000,
    )
    expect((await rooms())[0]?.bytes).toBeGreaterThan(0)

    expect(await order(KICK_PATH, { host: ALICE, reason: 'Too loud.', ms: 60_000 })).toMatchObject({ status: 200 })
    expect(await alice.next('refused')).toMatchObject({ error: 'Kicked', message: 'Too loud.' })
    const again = await connect(ALICE, keys[0])
    again.send(await signedHello(keys[0], await again.next('challenge')))
    expect(await again.next('refused')).toMatchObject({ error: 'Kicked' })
    expect(JSON.parse((await order(LOOK_PATH, { host: ALICE })).text)).toMatchObject({ online: false, kick: { reason: 'Too loud.' } })

    expect(await order(FORGET_PATH, { host: BOB, confirm: BOB })).toMatchObject({ status: 200, text: '{}' })
    expect((await rooms()).map(({ host }) => host)).toEqual([ALICE])
    expect(JSON.parse((await ask(BOB, '/xrpc/_tabpod/status')).text)).toMatchObject({ bound: false })
  }, 30_000)

  test('the domain above the pods names the one that was bound first, for browsers that look for an identity provider', async () => {
    const asked = async (host: string): Promise<Answer> => ask(host, '/.well-known/web-identity')
    await vi.waitFor(async () => expect((await asked('pods.example')).status).toBe(200), 10_000)
    expect(JSON.parse((await asked('pods.example')).text)).toMatchObject({ provider_urls: [`https://${ALICE}/fedcm/config.json`] })
    expect((await ask('pods.example', '/xrpc/_health')).status).toBe(421)
  }, 30_000)

  test('nobody else does: without the token, and by no path or header that rooms use among themselves', async () => {
    expect((await ask(ALICE, ROOMS_PATH)).status).toBe(401)
    expect((await ask(ALICE, ROOMS_PATH, { headers: { authorization: 'Bearer guess' } })).status).toBe(401)
    const body = JSON.stringify({ host: ALICE, report: null })
    const mark = { 'x-tabpod-inside': '1', 'x-partykit-room': '_operator', 'content-type': 'application/json' }
    for (const path of [
      '/~inside/report',
      '/~inside/forget',
      '/%7einside/forget',
      '/./~inside/forget',
      '/xrpc/../~inside/forget',
      '/xrpc/..%2f~inside/forget',
      '//~inside/forget',
      '/parties/main/_operator/~inside/report',
      `/parties/main/${ALICE}/~inside/forget`,
      `http://${ALICE}/~inside/forget`,
      'https://_operator/~inside/report',
      `${OPERATOR_PATH}/../../~inside/report`,
    ])
      for (const headers of [{}, mark]) {
        const { status } = await ask(ALICE, path, { method: 'POST', headers, body })
        expect([path, status]).toEqual([path, expect.toSatisfy((code: number) => code >= 400)])
      }
    expect((await ask('_operator', '/~inside/report', { method: 'POST', headers: mark, body })).status).toBe(400)
    expect((await rooms()).map(({ host }) => host)).toEqual([ALICE])
    expect(JSON.parse((await ask(ALICE, '/xrpc/_tabpod/status')).text)).toMatchObject({ bound: true })
  }, 30_000)

  test('what is over a quota waits in the tab, and nothing behind it slips through', async () => {
    const pod = await SigningPod.create()
    const keys = await newKeys(pod.identity().signingKey)
    const tab = await connect('pod.example', keys)
    const said: string[] = []
    tab.onFrame = (head) => {
      if (head.t === 'accepted') said.push(`accepted ${head.event}`)
      if (head.t === 'rejected') said.push(`${head.error} ${head.event}`)
    }
    await tab.join({ claim: CLAIM })
    const events = [await pod.begin()]
    for (let n = 0; n < 4; n += 1) events.push(await pod.write([create('a.b.c', `k${n}`, { text: 'hi' })]))
    for (const [event, body] of events.map((each) => pod.next(each))) tab.send({ t: 'event', event, size: body.length }, body)
    await vi.waitFor(() => expect(said.slice(-3)).toEqual(['accepted 3', 'OverQuota 4', 'OverQuota 5']))
    const refused = await ask('pod.example', '/xrpc/com.atproto.repo.createRecord', { method: 'POST', body: '{}' })
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([429, { error: 'EventQuotaExceeded' }])
    expect(await ask('pod.example', '/xrpc/com.example.read')).toMatchObject({ status: 200, text: 'tab: /xrpc/com.example.read' })
  }, 30_000)
})
