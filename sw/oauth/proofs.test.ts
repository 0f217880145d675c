import 'fake-indexeddb/auto'
import { decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import { PROVIDER_KEY_AGE_MS } from '../../wire/oauth-limits.ts'
import { changePod } from '../store/pod.ts'
import { DID, letIn, ORIGIN, type Stage, stage, TestClient } from './testing.ts'

const PATH = '/xrpc/com.atproto.server.getSession'
let here: Stage
let app: TestClient
let token: string

beforeAll(async () => {
  here = await stage()
  app = await TestClient.make(here.send)
  token = String((await letIn(here, app)).access_token)
  app.nonce = await here.oauth.access.nextNonce()
})

const refused = (error: string) => ({ status: 401, error, headers: { 'www-authenticate': expect.stringContaining(`DPoP algs=`) } })
const authenticate = async (request: Request | Promise<Request>) => {
  const access = await here.oauth.access.authenticate(await request)
  await access.settled
  return access
}
const ath = async (of = token): Promise<string> =>
  Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(of))).toString('base64url')

describe('an access token', () => {
  test('is asked for a nonce of this role, which is another than that of the token endpoint', async () => {
    const other = await TestClient.make(here.send)
    const { headers } = await other.post('/oauth/token', { grant_type: 'refresh_token', refresh_token: 'ref-' })
    const tokenNonce = headers.get('dpop-nonce')!
    for (const nonce of [undefined, tokenNonce]) {
      const proof = await app.proof('GET', `${ORIGIN}${PATH}`, { claims: { ath: await ath(), nonce } })
      await expect(authenticate(app.call(token, PATH, proof))).rejects.toMatchObject({
        ...refused('use_dpop_nonce'),
        headers: { 'dpop-nonce': app.nonce, 'www-authenticate': expect.stringContaining('error="use_dpop_nonce"') },
      })
    }
    app.nonce = await here.oauth.access.nextNonce()
  })

  test('counts at the public address, whatever address the request came by', async () => {
    const { headers } = await app.call(token)
    expect(await here.oauth.access.authenticate(new Request(`http://10.0.0.1:8080${PATH}?limit=1`, { headers }))).toMatchObject({
      did: DID,
    })
    const proof = await app.proof('GET', `http://10.0.0.1:8080${PATH}`, { claims: { ath: await ath() } })
    const named = new Request(`http://10.0.0.1:8080${PATH}`, { headers: { authorization: `DPoP ${token}`, dpop: proof } })
    await expect(authenticate(named)).rejects.toMatchObject(refused('invalid_dpop_proof'))
  })

  test('that is only told which nonce to use has used nothing up: its proof may have the same id', async () => {
    expect(await authenticate(app.call(token))).toMatchObject({ did: DID })
    const jti = crypto.randomUUID()
    const withNonce = async (nonce: string | undefined) =>
      app.proof('GET', `${ORIGIN}${PATH}`, { claims: { ath: await ath(), jti, nonce } })
    await expect(authenticate(app.call(token, PATH, await withNonce('made up')))).rejects.toMatchObject(refused('use_dpop_nonce'))
    expect(await authenticate(app.call(token, PATH, await withNonce(app.nonce)))).toMatchObject({ did: DID })
    await expect(authenticate(app.call(token, PATH, await withNonce(app.nonce)))).rejects.toMatchObject(refused('invalid_dpop_proof'))
  })

  test('counts once for each proof', async () => {
    const proof = await app.proof('GET', `${ORIGIN}${PATH}`, { claims: { ath: await ath() } })
    expect(await authenticate(app.call(token, PATH, proof))).toMatchObject({ did: DID })
    await expect(authenticate(app.call(token, PATH, proof))).rejects.toMatchObject(refused('invalid_dpop_proof'))
  })

  test('counts once where a proof comes twice at the same moment', async () => {
    const proof = await app.proof('GET', `${ORIGIN}${PATH}`, { claims: { ath: await ath() } })
    const requests = await Promise.all([app.call(token, PATH, proof), app.call(token, PATH, proof)])
    const outcomes = await Promise.allSettled(requests.map(authenticate))
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: refused('invalid_dpop_proof') })
  })

  test.each([
    ['of another method', { htm: 'POST' }],
    ['of another address', { htu: `${ORIGIN}/xrpc/com.atproto.server.deleteSession` }],
    ['of another token', { ath: 'x'.repeat(43) }],
    ['of no token', { ath: undefined }],
    ['without an id', { jti: undefined }],
    ['of an hour ago', { iat: Math.floor(Date.now() / 1000) - 3600 }],
    ['of tomorrow', { iat: Math.floor(Date.now() / 1000) + 86_400 }],
  ])('is worth nothing with a proof %s', async (_, claims) => {
    const proof = await app.proof('GET', `${ORIGIN}${PATH}`, { claims: { ath: await ath(), ...claims } })
    await expect(authenticate(app.call(token, PATH, proof))).rejects.toMatchObject(refused('invalid_dpop_proof'))
  })

  test('is worth nothing with another key, without a proof, or as a Bearer token', async () => {
    const thief = await TestClient.make(here.send)
    thief.nonce = app.nonce
    await expect(authenticate(thief.call(token))).rejects.toMatchObject(refused('invalid_token'))
    const { headers } = await app.call(token)
    headers.delete('dpop')
    await expect(authenticate(new Request(`${ORIGIN}${PATH}`, { headers }))).rejects.toMatchObject(refused('invalid_dpop_proof'))
    const bearer = new Request(`${ORIGIN}${PATH}`, { headers: { authorization: `Bearer ${token}` } })
    await expect(authenticate(bearer)).rejects.toMatchObject({ status: 401, error: 'invalid_token' })
  })

  const forged = async (how: 'none' | 'embedded' | 'HS256'): Promise<string> => {
    const claims = { ...JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString()), scope: 'atproto transition:generic' }
    const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true })
    const { keys } = JSON.parse((await here.oauth.documents())['/oauth/jwks']!)
    switch (how) {
      case 'none':
        return new UnsecuredJWT(claims).encode()
      case 'embedded':
        return new SignJWT(claims)
          .setProtectedHeader({ typ: 'at+jwt', alg: 'ES256', kid: keys[0].kid, jwk: await exportJWK(publicKey) })
          .sign(privateKey)
      case 'HS256':
        return new SignJWT(claims)
          .setProtectedHeader({ typ: 'at+jwt', alg: 'HS256', kid: keys[0].kid })
          .sign(new TextEncoder().encode(JSON.stringify(keys[0])))
    }
  }

  test.each(['none', 'embedded', 'HS256'] as const)('that is forged (%s) is none', async (how) => {
    const fake = await forged(how)
    const proof = await app.proof('GET', `${ORIGIN}${PATH}`, { claims: { ath: await ath(fake) } })
    await expect(authenticate(app.call(fake, PATH, proof))).rejects.toMatchObject(refused('invalid_token'))
  })
})

describe('a proof', () => {
  const push = async (proof: string) => app.post('/oauth/par', { response_type: 'code' }, proof)
  const claims = async () => ({ htm: 'POST', htu: `${ORIGIN}/oauth/par`, jti: crypto.randomUUID(), nonce: app.nonce })

  test('signed by an algorithm that needs no key, or one that everybody has, is none', async () => {
    const secret = new TextEncoder().encode('s'.repeat(32))
    const oct = { kty: 'oct', k: Buffer.from(secret).toString('base64url') }
    const shared = await new SignJWT(await claims())
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'HS256', jwk: oct })
      .setIssuedAt()
      .sign(secret)
    const [, payload] = shared.split('.')
    const unsigned = `${Buffer.from('{"typ":"dpop+jwt","alg":"none"}').toString('base64url')}.${payload}.`
    for (const proof of [shared, unsigned]) expect(await push(proof)).toMatchObject({ status: 401, body: { error: 'invalid_dpop_proof' } })
  })

  test('that carries a private key, or another public one, is none', async () => {
    const [one, other] = await Promise.all([
      generateKeyPair('ES256', { extractable: true }),
      generateKeyPair('ES256', { extractable: true }),
    ])
    for (const jwk of [await exportJWK(one.privateKey), await exportJWK(other.publicKey)]) {
      const proof = await new SignJWT(await claims())
        .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk })
        .setIssuedAt()
        .sign(one.privateKey)
      expect(await push(proof)).toMatchObject({ status: 401, body: { error: 'invalid_dpop_proof' } })
    }
  })

  test('of another type is none', async () => {
    expect(await push(await app.proof('POST', `${ORIGIN}/oauth/par`, { header: { typ: 'JWT' } }))).toMatchObject({
      status: 401,
      body: { error: 'invalid_dpop_proof' },
    })
  })

  test('is wanted with every request for tokens', async () => {
    const request = new Request(`${ORIGIN}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: app.clientId, grant_type: 'refresh_token', refresh_token: `ref-${'0'.repeat(64)}` }),
    })
    const response = await here.send(request)
    expect([response.status, await response.json()]).toMatchObject([401, { error: 'invalid_dpop_proof' }])
  })
})

test('tokens outlive a change of the key that signs, and old keys stay published', async () => {
  const published = async (of: Stage) => JSON.parse((await of.oauth.documents())['/oauth/jwks']!).keys
  const [first] = await published(here)
  expect(first).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', kid: expect.any(String) })
  expect(Object.keys(first)).not.toContain('d')
  await changePod(
    here.store,
    'provider',
    (row) => row && { ...row, keys: row.keys.map((key) => ({ ...key, at: key.at - PROVIDER_KEY_AGE_MS })) },
  )

  const later = await stage({ name: here.name })
  expect(await published(later)).toMatchObject([{ kid: expect.not.stringContaining(first.kid) }, { kid: first.kid }])
  app.nonce = await later.oauth.access.nextNonce()
  expect(await later.oauth.access.authenticate(await app.call(token))).toMatchObject({ did: DID })
  const { access_token: newer } = await letIn(later, await TestClient.make(later.send))
  expect(decodeProtectedHeader(String(newer)).kid).not.toBe(first.kid)
})
