import { expect, it } from 'vitest'
import { FEDCM_COOKIE } from '../../wire/device-cookie.ts'
import { FEDCM } from '../../wire/fedcm.ts'
import { OAUTH_SIGN_IN_MAX_AGE_MS } from '../../wire/oauth-limits.ts'
import { OWN_DEVICE } from '../oauth/contract.ts'
import { digestOf } from '../oauth/devices.ts'
import { FedCmSessions } from './sessions.ts'
import { Browser, ORIGIN, stageFedCm } from './testing.ts'

const POST = { method: 'POST' } as const

it('gives the browser that the pod lives in its cookie by way of the room, and it is known by it', async () => {
  const { own } = await stageFedCm()
  expect((await own.accounts()).status).toBe(401)
  expect((await own.ask(FEDCM.session, POST)).status).toBe(204)
  const answer = await own.accounts()
  expect(answer.status).toBe(200)
  expect(await answer.json()).toEqual({
    accounts: [
      {
        id: 'http://localhost:1999/',
        name: 'Alice',
        username: 'alice.test',
        picture: 'http://localhost:1999/avatar',
        login_hints: ['http://localhost:1999/', 'http://localhost:1999', 'localhost:1999', 'alice.test', 'did:web:localhost%3A1999'],
        domain_hints: ['localhost', 'alice.test'],
        approved_clients: [],
      },
    ],
  })
})

it('keeps a cookie that is good, and gives a new one for one that is not', async () => {
  const { own } = await stageFedCm()
  await own.ask(FEDCM.session, POST)
  const first = own.fedcmCookie
  await own.ask(FEDCM.session, POST)
  expect(own.fedcmCookie).toBe(first)
  own.cookies.set(FEDCM_COOKIE, `${OWN_DEVICE}.${'a'.repeat(43)}`)
  expect((await own.accounts()).status).toBe(401)
  await own.ask(FEDCM.session, POST)
  expect(own.fedcmCookie).not.toBe(first)
  expect((await own.accounts()).status).toBe(200)
})

it('makes one cookie for pages that ask at the same time', async () => {
  const { own, room } = await stageFedCm()
  await Promise.all([1, 2, 3].map(() => own.ask(FEDCM.session, POST)))
  expect([room.cookies.length, (await own.accounts()).status]).toEqual([1, 200])
})

it('gives no cookie to who comes through the room by itself, has guessed a ticket, or navigates', async () => {
  const { own, fedcm } = await stageFedCm()
  const stranger = new Browser(fedcm, 'shim')
  for (const init of [POST, { ...POST, body: 'a'.repeat(43) }, {}])
    await expect(stranger.ask(FEDCM.session, init)).rejects.toMatchObject({ status: 403, error: 'NoTicket' })
  await expect(own.ask(FEDCM.session)).rejects.toMatchObject({ status: 403, error: 'NotAPage' })
  expect(stranger.cookies.size + own.cookies.size).toBe(0)
})

it('says that the owner is signed out, or that the room is away', async () => {
  const {
    own,
    clock,
    room,
    parts: { devices },
  } = await stageFedCm()
  room.isUp = false
  await expect(own.ask(FEDCM.session, POST)).rejects.toMatchObject({ status: 503, error: 'Offline' })
  room.isUp = true
  await own.ask(FEDCM.session, POST)
  await devices.signOut(OWN_DEVICE)
  expect((await own.accounts()).status).toBe(401)
  await expect(own.ask(FEDCM.session, POST)).rejects.toMatchObject({ status: 401, error: 'NotSignedIn' })
  clock.ahead += OAUTH_SIGN_IN_MAX_AGE_MS
  expect((await own.ask(FEDCM.accounts)).status).toBe(401)
})

it('is not given to a browser whose owner ends it while its page asks for it', async () => {
  const { parts, own, fedcm } = await stageFedCm()
  const sessions: FedCmSessions = new FedCmSessions({
    ...parts,
    origin: ORIGIN,
    now: Date.now,
    fetch: async (url, { body, method } = {}) => {
      await sessions.close(OWN_DEVICE)
      return sessions.redeem(new Request(url, { body: body ?? null, method: method ?? 'GET' }))
    },
  })
  await own.ask(FEDCM.session, POST)
  await expect(sessions.ensureOwn({ id: OWN_DEVICE, isOwn: true }, false)).rejects.toMatchObject({ status: 401, error: 'NotSignedIn' })
  expect((await fedcm.forRoom()).sessions).toEqual([])
  await expect(own.ask(FEDCM.session, POST)).rejects.toMatchObject({ status: 401 })
})

it('ends with the sign-in, and with a new password', async () => {
  const {
    own,
    clock,
    parts: { devices },
  } = await stageFedCm()
  await own.ask(FEDCM.session, POST)
  const before = own.fedcmCookie
  await devices.signOutElsewhere()
  expect((await own.accounts()).status).toBe(401)
  // The page looks again when it goes online.
  await own.ask(FEDCM.session, POST)
  expect(own.fedcmCookie).not.toBe(before)
  expect((await own.accounts()).status).toBe(200)
  clock.ahead += OAUTH_SIGN_IN_MAX_AGE_MS
  expect((await own.accounts()).status).toBe(401)
})

it('offers no account that is not active here, and again one that is back', async () => {
  const { own, fedcm, identity } = await stageFedCm()
  await own.ask(FEDCM.session, POST)
  expect((await fedcm.forRoom()).sessions).toHaveLength(1)
  identity.standing = 'deactivated'
  expect([(await own.accounts()).status, (await own.ask(FEDCM.accounts)).status, (await own.ask(FEDCM.login)).status]).toEqual([
    401, 401, 403,
  ])
  await expect(own.ask(FEDCM.session, POST)).rejects.toMatchObject({ status: 401 })
  expect((await fedcm.forRoom()).sessions).toEqual([])
  identity.standing = 'active'
  expect((await own.accounts()).status).toBe(200)
})

it('tells the room of the cookies by their digests alone, and for how long they are good', async () => {
  const { own, fedcm } = await stageFedCm()
  await own.ask(FEDCM.session, POST)
  const [, secret = ''] = own.fedcmCookie?.split('.') ?? []
  const left = await fedcm.forRoom()
  expect(left.sessions).toEqual([{ digest: await digestOf(secret), until: expect.any(Number) }])
  expect(JSON.stringify(left)).not.toContain(secret)
  expect(JSON.parse(left.accounts)).toEqual(await (await own.accounts()).json())
})

it('says when what the room was told is another: at sign-ins, and when a site is known or forgotten', async () => {
  const { own, fedcm, sites } = await stageFedCm()
  let changes = 0
  fedcm.onChange(() => (changes += 1))
  await own.ask(FEDCM.session, POST)
  expect(changes).toBe(1)
  await own.assertion()
  expect(changes).toBe(2)
  await own.send(FEDCM.disconnect, { client_id: 'https://site.example/', account_hint: 'alice.test' })
  expect([changes, await sites.known()]).toEqual([3, []])
})
