/** Browsers that ask by FedCM while the tab is closed: by what it has left, and nothing else. */
import { base64url } from 'multiformats/bases/base64'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { FEDCM_COOKIE } from '../../wire/device-cookie.ts'
import { FEDCM } from '../../wire/fedcm.ts'
import { MAX_FEDCM_BODY_BYTES } from '../../wire/fedcm-limits.ts'
import { UPLINK_PATH } from '../../wire/frames.ts'
import { REJOIN_GRACE_MS } from '../../wire/limits.ts'
import { Room } from '../room.ts'
import { MemoryPort, type MemorySocket } from '../testing/memory-port.ts'
import { newKeys, type TabKeys, TestTab } from '../testing/tab.ts'

const SITE = 'https://site.example'
const SECRET = 'x'.repeat(43)
const VALUE = `dev-${'0'.repeat(32)}.${SECRET}`
const CHALLENGE = 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM'
const ACCOUNTS = JSON.stringify({ accounts: [{ id: 'https://pod.example/', name: 'Alice' }] })
const NOW = 1_700_000_000_000

let port: MemoryPort
let room: Room
let tab: TestTab
let socket: MemorySocket
let keys: TabKeys

const sha256 = async (text: string): Promise<string> =>
  base64url.baseEncode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))

const join = async (): Promise<void> => {
  socket = port.socket()
  const mine = socket
  tab = new TestTab(keys, (bytes) => void setImmediate(() => room.onMessage(mine, bytes)))
  const to = tab
  socket.send = (bytes) => void setImmediate(() => to.receive(bytes))
  await room.onConnect(socket, new Request(`https://pod.example${UPLINK_PATH}`))
  await tab.join()
}

/** The tab is closed, and nobody waits for it any more: a room that was put away meanwhile wakes like that. */
const close = async (): Promise<void> => {
  port.connected.delete(socket)
  room = await Room.open(port)
}

const leave = async (until = NOW + 1000, accounts = ACCOUNTS, digests = [SECRET]): Promise<void> => {
  tab.send({ t: 'fedcm', accounts, sessions: await Promise.all(digests.map(async (secret) => ({ digest: await sha256(secret), until }))) })
  await vi.waitFor(async () => expect(await port.storage.get('fedcm')).toMatchObject({ accounts }))
}

const ask = async (path: string, headers: Record<string, string> = {}, body?: string) => {
  const sent = { 'sec-fetch-dest': 'webidentity', cookie: `${FEDCM_COOKIE}=${VALUE}`, ...headers }
  const request = new Request(`https://pod.example${path}`, body === undefined ? {} : { method: 'POST', body })
  // What the platform's constructor drops.
  Object.defineProperty(request, 'headers', { value: new Headers(sent) })
  const answer = await room.onRequest(request)
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as unknown }
}

const assert = (changed: Record<string, string> = {}, headers: Record<string, string> = {}) =>
  ask(
    FEDCM.assertion,
    { origin: SITE, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    new URLSearchParams({
      client_id: `${SITE}/`,
      account_id: 'https://pod.example/',
      fields: 'name,email,picture',
      disclosure_shown_for: 'name,email,picture',
      params: JSON.stringify({ code_challenge: CHALLENGE, code_challenge_method: 'S256', state: 's' }),
      ...changed,
    }).toString(),
  )

const refused = (code: string, reason: string) => ({ error: { code, error: code, url: `/fedcm/error?reason=${reason}` } })

beforeEach(async () => {
  port = new MemoryPort()
  port.now = () => NOW
  room = await Room.open(port)
  keys = await newKeys()
  await join()
})

describe('while the tab is closed', () => {
  test('browsers that the tab knows are told the account, also by a room that slept', async () => {
    await leave()
    await close()
    const answer = await ask(FEDCM.accounts)
    expect([answer.status, answer.body]).toEqual([200, JSON.parse(ACCOUNTS)])
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://pod.example')
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  test('a site’s question leads to a page that the worker in the owner’s browser answers', async () => {
    await leave()
    await close()
    const answer = await assert()
    const query = new URLSearchParams({ client_id: `${SITE}/`, scope: 'profile', code_challenge: CHALLENGE, state: 's' })
    expect([answer.status, answer.body]).toEqual([200, { continue_on: `${FEDCM.continue}?${query.toString()}` }])
    expect(answer.headers.get('access-control-allow-origin')).toBe(SITE)
    expect(answer.headers.get('access-control-allow-credentials')).toBe('true')
  })

  test.each([
    ['another origin', {}, { origin: 'https://other.example' }, 403, 'unauthorized_client', 'OtherSite'],
    ['no origin', {}, { origin: '' }, 403, 'unauthorized_client', 'OtherSite'],
    ['no cookie', {}, { cookie: '' }, 401, 'access_denied', 'NotSignedIn'],
    ['a cookie of somebody’s making', {}, { cookie: `${FEDCM_COOKIE}=${VALUE.slice(0, -1)}y` }, 401, 'access_denied', 'NotSignedIn'],
    ['two cookies', {}, { cookie: `${FEDCM_COOKIE}=${VALUE}; ${FEDCM_COOKIE}=${VALUE}` }, 401, 'access_denied', 'NotSignedIn'],
    ['no browser behind it', {}, { 'sec-fetch-dest': 'empty' }, 403, 'invalid_request', 'NotFedCm'],
    ['another account', { account_id: 'https://other.example/' }, {}, 400, 'invalid_request', 'OtherAccount'],
    ['a plain challenge', { params: JSON.stringify({ code_challenge: CHALLENGE }) }, {}, 400, 'invalid_request', 'NoPkce'],
    ['params without end', { params: 'x'.repeat(MAX_FEDCM_BODY_BYTES + 1) }, {}, 400, 'invalid_request', 'BadRequest'],
  ] as const)('a question with %s is refused as the tab would refuse it', async (_what, fields, headers, status, code, reason) => {
    await leave()
    await close()
    const answer = await assert(fields, headers)
    expect([answer.status, answer.body]).toEqual([status, refused(code, reason)])
  })

  test('a cookie is good no longer than the tab said, and a site cannot be forgotten', async () => {
    await leave(NOW)
    await close()
    expect((await ask(FEDCM.accounts)).status).toBe(401)
    await join()
    await leave()
    await close()
    const form = { origin: SITE, 'content-type': 'application/x-www-form-urlencoded' }
    const answer = await ask(FEDCM.disconnect, form, 'client_id=https://site.example/&account_hint=x')
    expect([answer.status, answer.body]).toEqual([503, refused('temporarily_unavailable', 'Asleep')])
  })

  test('what the tab leaves takes the place of what it left before, and goes with the pod', async () => {
    await leave()
    await leave(NOW + 1000, '{"accounts":[]}', ['other'])
    tab.send({ t: 'release' })
    await vi.waitFor(async () => expect(await port.storage.get('fedcm')).toBeUndefined())
  })

  test('who leaves more than fits breaks the protocol', async () => {
    tab.send({ t: 'fedcm', accounts: '', sessions: Array.from({ length: 65 }, () => ({ digest: '', until: 0 })) })
    expect(await tab.next('refused')).toMatchObject({ error: 'BadFrame' })
  })
})

describe('while the tab is expected back', () => {
  test('the accounts are told at once, and a question waits for it', async () => {
    await leave()
    port.connected.delete(socket)
    room.onClose(socket)
    expect((await ask(FEDCM.accounts)).status).toBe(200)
    const asked = assert()
    await join()
    tab.onRequest = ({ id }) => tab.answer(id, '{"token":"of the tab"}')
    expect((await asked).body).toEqual({ token: 'of the tab' })
  })

  test('a question that waited in vain leads to the page', { timeout: REJOIN_GRACE_MS * 2 }, async () => {
    await leave()
    port.connected.delete(socket)
    room.onClose(socket)
    expect((await assert()).body).toEqual({ continue_on: expect.stringContaining(FEDCM.continue) })
  })
})

test('while the tab is open, it is asked: what it left counts for nothing', async () => {
  await leave()
  tab.onRequest = ({ id }) => tab.answer(id, '{"accounts":[]}', 401)
  await vi.waitFor(async () => expect((await ask(FEDCM.accounts)).status).toBe(401))
})
