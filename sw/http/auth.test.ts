import { SignJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { makeKeys } from '../identity/key-vault.ts'
import { Authenticator } from './auth.ts'

const DID = 'did:web:localhost%3A1999'
const NOW = 1_800_000_000
let key: CryptoKey
let otherKey: CryptoKey
beforeAll(async () => {
  key = (await makeKeys()).session
  otherKey = (await makeKeys()).session
})

interface Parts {
  claims?: Record<string, unknown>
  typ?: string
  signer?: CryptoKey
}
const access = { sub: DID, aud: DID, iat: NOW, exp: NOW + 7200, jti: 'id', sid: 'family', scope: 'com.atproto.access' }
const token = ({ claims = {}, typ = 'at+jwt', signer = key }: Parts = {}): Promise<string> =>
  new SignJWT({ ...access, ...claims }).setProtectedHeader({ alg: 'HS256', typ }).sign(signer)
const refreshToken = (claims: Record<string, unknown> = {}) =>
  token({ typ: 'refresh+jwt', claims: { scope: 'com.atproto.refresh', ...claims } })
const bearing = (authorization?: string) =>
  new Request('http://localhost:1999/', authorization === undefined ? {} : { headers: { authorization } })
const authenticator = (clock = { now: NOW * 1000 }, open = new Set(['family'])) =>
  new Authenticator({
    issuer: { did: DID, audience: DID, key },
    sessions: { isOpen: async (family) => open.has(family) },
    keys: { signingKey: () => Promise.reject(new Error('nobody is asked')) },
    now: () => clock.now,
  })

test.each(['com.atproto.access', 'com.atproto.appPass', 'com.atproto.appPassPrivileged'])(
  'a token of scope %s is let in',
  async (scope) => {
    const request = bearing(`Bearer ${await token({ claims: { scope } })}`)
    expect(await authenticator().access(request)).toEqual({ did: DID, scope })
  },
)

test('the scheme may be written in any case', async () => {
  expect(await authenticator().access(bearing(`bearer ${await token()}`))).toMatchObject({ did: DID })
})

test.each([
  ['no header', undefined, 401, 'AuthMissing'],
  ['an empty header', '', 401, 'AuthMissing'],
  ['a scheme alone', 'Bearer', 400, 'InvalidToken'],
  ['one word too many', 'Bearer a b', 400, 'InvalidToken'],
  ['another scheme', 'Basic YTpi', 400, 'InvalidToken'],
  ['what is no JWT', 'Bearer abc', 400, 'InvalidToken'],
  ['an unsigned JWT', `Bearer ${btoa('{"alg":"none"}')}.${btoa(JSON.stringify(access))}.`, 400, 'InvalidToken'],
])('%s is refused', async (_, header, status, error) => {
  await expect(authenticator().access(bearing(header))).rejects.toMatchObject({ status, error })
})

const faults: ReadonlyArray<[string, () => Parts, string]> = [
  ['an expired token', () => ({ claims: { exp: NOW - 1 } }), 'ExpiredToken'],
  ['a token that never expires', () => ({ claims: { exp: undefined } }), 'InvalidToken'],
  ['a stranger’s signature', () => ({ signer: otherKey }), 'InvalidToken'],
  ['a token for another account', () => ({ claims: { sub: 'did:web:example.com' } }), 'InvalidToken'],
  ['a token for another service', () => ({ claims: { aud: 'did:web:example.com' } }), 'InvalidToken'],
  ['a refresh token', () => ({ typ: 'refresh+jwt', claims: { scope: 'com.atproto.refresh' } }), 'InvalidToken'],
  ['a refresh token dressed as access', () => ({ claims: { scope: 'com.atproto.refresh' } }), 'InvalidToken'],
  ['no scope', () => ({ claims: { scope: undefined } }), 'InvalidToken'],
  ['a made-up scope', () => ({ claims: { scope: 'com.atproto.access com.atproto.admin' } }), 'InvalidToken'],
  ['a service token', () => ({ claims: { lxm: 'com.atproto.repo.createRecord' } }), 'InvalidToken'],
  ['a token bound to a key', () => ({ claims: { cnf: { jkt: 'x' } } }), 'InvalidToken'],
]
test.each(faults)('%s does not give access', async (_, parts, error) => {
  await expect(authenticator().access(bearing(`Bearer ${await token(parts())}`))).rejects.toMatchObject({ status: 400, error })
})

test('a changed byte in the signature is noticed even after the token was seen', async () => {
  const guard = authenticator()
  const good = await token()
  await guard.access(bearing(`Bearer ${good}`))
  const bad = good.slice(0, -5) + (good.at(-5) === 'A' ? 'B' : 'A') + good.slice(-4)
  await expect(guard.access(bearing(`Bearer ${bad}`))).rejects.toMatchObject({ error: 'InvalidToken' })
})

test('a token is verified once, and not let in a moment after it expired', async () => {
  const clock = { now: NOW * 1000 }
  const guard = authenticator(clock)
  const request = bearing(`Bearer ${await token()}`)
  const first = await guard.access(request)
  // A second verification would make a second object.
  expect(await guard.access(request)).toBe(first)
  clock.now = (NOW + 7200) * 1000
  await expect(guard.access(request)).rejects.toMatchObject({ status: 400, error: 'ExpiredToken' })
})

test('a refresh token gives its id, an access token is none', async () => {
  const guard = authenticator()
  expect(await guard.refresh(bearing(`Bearer ${await refreshToken()}`))).toEqual({ did: DID, tokenId: 'id' })
  await expect(guard.refresh(bearing(`Bearer ${await token()}`))).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
  await expect(guard.refresh(bearing())).rejects.toMatchObject({ status: 401, error: 'AuthMissing' })
  const noId = bearing(`Bearer ${await refreshToken({ jti: undefined })}`)
  await expect(guard.refresh(noId)).rejects.toMatchObject({ status: 401, error: 'MissingTokenId' })
})

test('an expired refresh token is good for signing out only', async () => {
  const guard = authenticator()
  const request = bearing(`Bearer ${await refreshToken({ exp: NOW - 1 })}`)
  await expect(guard.refresh(request)).rejects.toMatchObject({ status: 400, error: 'ExpiredToken' })
  expect(await guard.refreshEvenExpired(request)).toMatchObject({ tokenId: 'id' })
})

test('a token ends with its sign-in, also one that was seen before, and one that names none is old', async () => {
  const open = new Set(['family'])
  const guard = authenticator(undefined, open)
  const request = bearing(`Bearer ${await token()}`)
  await guard.access(request)
  open.clear()
  const revoked = { status: 400, error: 'ExpiredToken' }
  await expect(guard.access(request)).rejects.toMatchObject(revoked)
  await expect(guard.access(bearing(`Bearer ${await token({ claims: { sid: undefined } })}`))).rejects.toMatchObject(revoked)
})

test.each(['com.atproto.appPassPrivileged', 'com.atproto.appPass'])(
  '%s does not manage the account, though it was let in before',
  async (scope) => {
    const guard = authenticator()
    const request = bearing(`Bearer ${await token({ claims: { scope } })}`)
    await guard.access(request)
    await expect(guard.accessFull(request)).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
    expect(await guard.accessFull(bearing(`Bearer ${await token()}`))).toMatchObject({ did: DID })
  },
)

test('who may be nobody is still nobody with a bad token', async () => {
  const guard = authenticator()
  expect(await guard.accessOptional(bearing())).toBeNull()
  await expect(guard.accessOptional(bearing('Bearer abc'))).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
})
