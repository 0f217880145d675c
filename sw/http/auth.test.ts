import { SignJWT } from 'jose'
import { beforeAll, expect, test } from 'vitest'
import { XrpcError } from '../../wire/errors.ts'
import { makeKeys } from '../identity/key-vault.ts'
import { type AppTokens, Authenticator } from './auth.ts'
import { always, never } from './permissions.ts'

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
const NO_APPS: AppTokens = { authenticate: () => Promise.reject(new Error('nobody is asked')), nextNonce: async () => 'nonce' }
const authenticator = (clock = { now: NOW * 1000 }, open = new Set(['family']), apps = NO_APPS) =>
  new Authenticator({
    issuer: { did: DID, audience: DID, key },
    sessions: { isOpen: async (family) => open.has(family) },
    keys: { signingKey: () => Promise.reject(new Error('nobody is asked')) },
    apps,
    now: () => clock.now,
  })

test.each(['com.atproto.access', 'com.atproto.appPass', 'com.atproto.appPassPrivileged'])(
  'a token of scope %s is let in',
  async (scope) => {
    const request = bearing(`Bearer ${await token({ claims: { scope } })}`)
    expect(await authenticator().access(always)(request)).toMatchObject({ did: DID, scope })
  },
)

test('the scheme may be written in any case', async () => {
  expect(await authenticator().access(always)(bearing(`bearer ${await token()}`))).toMatchObject({ did: DID })
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
  await expect(authenticator().access(always)(bearing(header))).rejects.toMatchObject({ status, error })
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
  await expect(authenticator().access(always)(bearing(`Bearer ${await token(parts())}`))).rejects.toMatchObject({ status: 400, error })
})

test('a changed byte in the signature is noticed even after the token was seen', async () => {
  const guard = authenticator()
  const good = await token()
  await guard.access(always)(bearing(`Bearer ${good}`))
  const bad = good.slice(0, -5) + (good.at(-5) === 'A' ? 'B' : 'A') + good.slice(-4)
  await expect(guard.access(always)(bearing(`Bearer ${bad}`))).rejects.toMatchObject({ error: 'InvalidToken' })
})

test('a token is verified once, and not let in a moment after it expired', async () => {
  const clock = { now: NOW * 1000 }
  const guard = authenticator(clock)
  const request = bearing(`Bearer ${await token()}`)
  const first = await guard.access(always)(request)
  // A second verification would make a second object.
  expect(await guard.access(always)(request)).toBe(first)
  clock.now = (NOW + 7200) * 1000
  await expect(guard.access(always)(request)).rejects.toMatchObject({ status: 400, error: 'ExpiredToken' })
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
  await guard.access(always)(request)
  open.clear()
  const revoked = { status: 400, error: 'ExpiredToken' }
  await expect(guard.access(always)(request)).rejects.toMatchObject(revoked)
  await expect(guard.access(always)(bearing(`Bearer ${await token({ claims: { sid: undefined } })}`))).rejects.toMatchObject(revoked)
})

test.each(['com.atproto.appPassPrivileged', 'com.atproto.appPass'])(
  '%s does not manage the account, though it was let in before',
  async (scope) => {
    const guard = authenticator()
    const request = bearing(`Bearer ${await token({ claims: { scope } })}`)
    await guard.access(always)(request)
    await expect(guard.accessFull(always)(request)).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
    expect(await guard.accessFull(always)(bearing(`Bearer ${await token()}`))).toMatchObject({ did: DID })
  },
)

test('who may be nobody is still nobody with a bad token', async () => {
  const guard = authenticator()
  expect(await guard.readingOptional(always)(bearing())).toBeNull()
  await expect(guard.readingOptional(always)(bearing('Bearer abc'))).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
})

/** As the provider gives it: what it throws is the caller's. */
const appsOf = (scope: string, did = DID): AppTokens => ({
  authenticate: async (request) => {
    if (request.headers.get('authorization')?.split(' ')[1] !== 'good') throw new XrpcError(401, 'invalid_token', 'Invalid token')
    return { did, scope, settled: Promise.resolve() }
  },
  nextNonce: async () => 'nonce',
})
const withApps = (apps: AppTokens) => authenticator(undefined, undefined, apps)

test.each(['DPoP good', 'dpop good', 'DPOP good'])('%s is an app’s token, with what was granted to it', async (header) => {
  const credentials = await withApps(appsOf('atproto repo:com.example.note?action=create')).access(always)(bearing(header))
  expect(credentials).toMatchObject({ did: DID, scope: null })
  expect(() => credentials.may.repo('create', 'com.example.note')).not.toThrow()
  expect(() => credentials.may.repo('delete', 'com.example.note')).toThrow('Missing required scope "repo:com.example.note?action=delete"')
})

test('the rule of the route is asked, also where sessions need the owner’s password', async () => {
  const guard = withApps(appsOf('atproto'))
  const forbidden = { status: 403, error: 'Forbidden' }
  await expect(guard.access(never())(bearing('DPoP good'))).rejects.toMatchObject(forbidden)
  await expect(guard.accessFull(never())(bearing('DPoP good'))).rejects.toMatchObject(forbidden)
  await expect(guard.readingOptional(never())(bearing('DPoP good'))).rejects.toMatchObject(forbidden)
  await expect(guard.accessOrServiceAuth('a.b.c', never())(bearing('DPoP good'))).rejects.toMatchObject(forbidden)
  const missing = { status: 403, error: 'ScopeMissingError', message: 'Missing required scope "account:repo?action=manage"' }
  await expect(guard.accessFull((may) => may.account('repo', 'manage'))(bearing('DPoP good'))).rejects.toMatchObject(missing)
})

test('a rule for apps is none for sessions', async () => {
  expect(await authenticator().accessFull(never())(bearing(`Bearer ${await token()}`))).toMatchObject({ scope: 'com.atproto.access' })
})

test.each([
  ['a session’s token', `DPoP ${'eyJhbGciOiJIUzI1NiJ9.e30.x'}`, 401, 'invalid_token'],
  ['a scheme alone', 'DPoP', 400, 'InvalidToken'],
  ['one word too many', 'DPoP good token', 400, 'InvalidToken'],
])('%s under the scheme of apps is refused', async (_, header, status, error) => {
  await expect(withApps(appsOf('atproto')).access(always)(bearing(header))).rejects.toMatchObject({ status, error })
})

test('an app’s token under the scheme of sessions is refused without asking whose it is', async () => {
  await expect(authenticator().access(always)(bearing('Bearer good'))).rejects.toMatchObject({ status: 400, error: 'InvalidToken' })
})

test('an app’s token is no refresh token of a session', async () => {
  const guard = withApps(appsOf('atproto'))
  await expect(guard.refresh(bearing('DPoP good'))).rejects.toMatchObject({ status: 401, error: 'AuthMissing' })
  await expect(guard.refreshEvenExpired(bearing('DPoP good'))).rejects.toMatchObject({ status: 401, error: 'AuthMissing' })
})

test('an app’s token of another account, or one that is no atproto token, is refused', async () => {
  const invalid = { status: 400, error: 'InvalidToken' }
  await expect(withApps(appsOf('atproto', 'did:web:bob.example')).access(always)(bearing('DPoP good'))).rejects.toMatchObject(invalid)
  await expect(withApps(appsOf('transition:generic')).access(always)(bearing('DPoP good'))).rejects.toMatchObject(invalid)
})
