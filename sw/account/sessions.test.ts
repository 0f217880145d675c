import 'fake-indexeddb/auto'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { ACCESS_TTL_MS, REFRESH_GRACE_MS, REFRESH_TTL_MS } from '../../wire/limits.ts'
import { makeKeys } from '../identity/key-vault.ts'
import { openStore } from '../store/open.ts'
import { Sessions } from './sessions.ts'

const REVOKED = { status: 400, error: 'ExpiredToken', message: 'Token has been revoked' }
const idOf = (jwt: string): string => decodeJwt(jwt).jti ?? ''

const set = async () => {
  const store = await openStore(crypto.randomUUID())
  const clock = { now: 1_800_000_000_000 }
  const issuer = { did: 'did:web:localhost%3A1999', audience: 'did:web:localhost%3A1999', key: (await makeKeys()).session }
  return { store, clock, sessions: new Sessions(store, issuer, () => clock.now) }
}

test('tokens carry the claims and types of the reference PDS', async () => {
  const { sessions, clock } = await set()
  const { accessJwt, refreshJwt } = await sessions.open()
  const seconds = clock.now / 1000
  const common = { sub: 'did:web:localhost%3A1999', aud: 'did:web:localhost%3A1999', iat: seconds, jti: expect.any(String) }
  expect(decodeProtectedHeader(accessJwt)).toEqual({ typ: 'at+jwt', alg: 'HS256' })
  expect(decodeJwt(accessJwt)).toEqual({
    ...common,
    scope: 'com.atproto.access',
    sid: expect.any(String),
    exp: seconds + ACCESS_TTL_MS / 1000,
  })
  expect(decodeProtectedHeader(refreshJwt)).toEqual({ typ: 'refresh+jwt', alg: 'HS256' })
  expect(decodeJwt(refreshJwt)).toEqual({ ...common, scope: 'com.atproto.refresh', exp: seconds + REFRESH_TTL_MS / 1000 })
})

test('each refresh gives a new refresh token', async () => {
  const { sessions, clock } = await set()
  let { refreshJwt } = await sessions.open()
  const seen = new Set([idOf(refreshJwt)])
  for (let i = 0; i < 3; i++) {
    clock.now += ACCESS_TTL_MS
    ;({ refreshJwt } = await sessions.rotate(idOf(refreshJwt)))
    seen.add(idOf(refreshJwt))
  }
  expect(seen.size).toBe(4)
})

test('a client that lost the answer gets the same successor again, also from two refreshes at once', async () => {
  const { sessions, clock } = await set()
  const first = idOf((await sessions.open()).refreshJwt)
  const [a, b] = await Promise.all([sessions.rotate(first), sessions.rotate(first)])
  clock.now += REFRESH_GRACE_MS - 1
  const c = await sessions.rotate(first)
  expect(new Set([a, b, c].map((pair) => idOf(pair.refreshJwt))).size).toBe(1)
})

test('reuse after the grace ends the whole sign-in, and no other', async () => {
  const { sessions, clock } = await set()
  const other = idOf((await sessions.open()).refreshJwt)
  const first = idOf((await sessions.open()).refreshJwt)
  const second = idOf((await sessions.rotate(first)).refreshJwt)
  clock.now += REFRESH_GRACE_MS
  await expect(sessions.rotate(first)).rejects.toMatchObject(REVOKED)
  await expect(sessions.rotate(second)).rejects.toMatchObject(REVOKED)
  await sessions.rotate(other)
})

test('signing out ends the sign-in, and doing it twice is no error', async () => {
  const { sessions } = await set()
  const first = idOf((await sessions.open()).refreshJwt)
  const second = idOf((await sessions.rotate(first)).refreshJwt)
  await sessions.close(second)
  await sessions.close(second)
  for (const id of [first, second]) await expect(sessions.rotate(id)).rejects.toMatchObject(REVOKED)
})

test('an expired, an invented and an emptied token are refused alike', async () => {
  const { sessions, clock } = await set()
  const first = idOf((await sessions.open()).refreshJwt)
  clock.now += REFRESH_TTL_MS
  for (const id of [first, 'invented', '']) await expect(sessions.rotate(id)).rejects.toMatchObject(REVOKED)
})

test('expired rows go when someone signs in', async () => {
  const { sessions, store, clock } = await set()
  await sessions.open()
  clock.now += REFRESH_TTL_MS
  await sessions.open()
  expect(await store.count('sessions')).toBe(1)
})

test('an access token is worth nothing once its sign-in has ended, in this worker or before it', async () => {
  const { sessions, store } = await set()
  const families: string[] = []
  for (const appPassword of [undefined, { name: 'phone', privileged: false }, undefined]) {
    const { accessJwt, refreshJwt } = await sessions.open(appPassword)
    families.push(String(decodeJwt(accessJwt)['sid']))
    if (families.length === 1) await sessions.close(idOf(refreshJwt))
  }
  const open = () => Promise.all(families.map((family) => sessions.isOpen(family)))
  expect(await open()).toEqual([false, true, true])
  await sessions.closeAll('phone')
  expect(await open()).toEqual([false, false, true])
  const later = new Sessions(store, { did: '', audience: '', key: (await makeKeys()).session })
  expect(await later.isOpen(families[1]!)).toBe(false)
  expect(await later.isOpen(families[2]!)).toBe(true)
  await sessions.closeAll()
  expect(await open()).toEqual([false, false, false])
})

test.each([
  [undefined, 'com.atproto.access'],
  [{ name: 'phone', privileged: false }, 'com.atproto.appPass'],
  [{ name: 'phone', privileged: true }, 'com.atproto.appPassPrivileged'],
])('the scope of %j is %s, after refreshes too', async (appPassword, scope) => {
  const { sessions } = await set()
  const first = await sessions.open(appPassword)
  const second = await sessions.rotate(idOf(first.refreshJwt))
  const third = await sessions.rotate(idOf(second.refreshJwt))
  for (const { accessJwt } of [first, second, third]) expect(decodeJwt(accessJwt)['scope']).toBe(scope)
})
