import 'fake-indexeddb/auto'
import { AtpAgent } from '@atproto/api'
import { type Keypair, P256Keypair, Secp256k1Keypair } from '@atproto/crypto'
import { base64url } from 'multiformats/bases/base64'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { decodeEvent } from '../wire/event.ts'
import { MAX_SIGN_IN_FAILURES } from '../wire/limits.ts'
import { createVacantPod, openPod, type Pod, type PodOptions } from './app.ts'
import { Repo } from './repo/repo.ts'
import { openStore, type Store } from './store/open.ts'

const ORIGIN = 'http://localhost:1999'
const SERVICE = 'did:web:localhost%3A1999'
const MOVER = `did:plc:${'a'.repeat(24)}`
const WEB_MOVER = 'did:web:mover.example'
const OLD_SERVER = 'https://old.example'
const METHOD = 'com.atproto.server.createAccount'

let store: Store
let pod: Pod
let inviteCode: string
let oldKey: Keypair
let network: Record<string, () => Response>
let options: PodOptions
let reopened: Promise<unknown>
let registered: string[]
let sent: string[]
let directoryStatus: number
beforeEach(async () => {
  store = await openStore(crypto.randomUUID())
  reopened = Promise.resolve()
  directoryStatus = 200
  oldKey = await Secp256k1Keypair.create()
  network = {
    [`https://plc.example/${MOVER}`]: () => Response.json(documentOf(MOVER, oldKey.did(), OLD_SERVER)),
    [`https://plc.example/${MOVER}/data`]: () => Response.json(plcDataOf(oldKey.did(), OLD_SERVER, [])),
    'https://mover.example/.well-known/did.json': () => Response.json(documentOf(WEB_MOVER, oldKey.did(), OLD_SERVER)),
  }
  registered = []
  sent = []
  const fetch = async (url: string, init: RequestInit = {}) => {
    if (init.method === 'POST') {
      registered.push(url)
      sent.push(String(init.body))
    }
    return network[url]?.() ?? new Response('no such page', { status: init.method === 'POST' ? directoryStatus : 404 })
  }
  const services = { appview: null, plc: 'https://plc.example', mail: false }
  options = { fetch, egress: { fetch, services }, hooks: { filled: () => void (reopened = reopen()) } }
  const reopen = async () => {
    const found = await openPod(store, options)
    if (!found) throw new Error('no pod')
    pod = found
  }
  pod = await createVacantPod(store, ORIGIN, options)
  inviteCode = (await pod.summary()).inviteCode ?? ''
})
afterEach(async () => {
  await reopened
  await pod.close()
  store.close()
})

const documentOf = (did: string, key: string, pds: string) => ({
  id: did,
  verificationMethod: [{ id: `${did}#atproto`, type: 'Multikey', controller: did, publicKeyMultibase: key.slice('did:key:'.length) }],
  service: [{ id: '#atproto_pds', type: 'AtprotoPersonalDataServer', serviceEndpoint: pds }],
})
const plcDataOf = (key: string, endpoint: string, rotationKeys: string[]) => ({
  did: MOVER,
  rotationKeys,
  verificationMethods: { atproto: key },
  alsoKnownAs: ['at://mover.test'],
  services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint } },
})
const part = (value: object) => base64url.baseEncode(new TextEncoder().encode(JSON.stringify(value)))
const serviceToken = async (claims: object = {}, key = oldKey, header: object = {}) => {
  const exp = Math.floor(Date.now() / 1000) + 60
  const signed = `${part({ typ: 'JWT', alg: key.jwtAlg, ...header })}.${part({ iss: MOVER, aud: SERVICE, exp, lxm: METHOD, ...claims })}`
  return `${signed}.${base64url.baseEncode(await key.sign(new TextEncoder().encode(signed)))}`
}
const agentWith = (token?: string) =>
  new AtpAgent({
    service: ORIGIN,
    headers: token === undefined ? [] : [['authorization', `Bearer ${token}`]],
    fetch: (input, init) => pod.handle(new Request(input, init), { origin: 'shim' }),
  })
const wanted = (more: object = {}) => ({ handle: 'mover.test', password: 'correct horse', email: 'mover@example.com', inviteCode, ...more })
const create = (more: object, token?: string) => agentWith(token).com.atproto.server.createAccount(wanted(more))
const signIn = async () => {
  await reopened
  const agent = agentWith()
  await agent.login({ identifier: 'mover.test', password: 'correct horse' })
  return agent
}
const eventKinds = async () => (await pod.repo.eventsAfter(0, 100)).map(({ body }) => decodeEvent(body).kind)

describe('a vacant pod', () => {
  test('is nobody: it shows no repo, no name, and lets nobody in', async () => {
    expect(await pod.summary()).toMatchObject({
      standing: 'vacant',
      handle: 'handle.invalid',
      inviteCode: expect.stringMatching(/^localhost-[a-z2-7]{5}-[a-z2-7]{5}$/),
    })
    expect(Object.keys(await pod.documents())).toEqual(['/xrpc/com.atproto.server.describeServer'])
    const { server, sync } = agentWith().com.atproto
    expect((await sync.listRepos()).data.repos).toEqual([])
    await expect(sync.getRepo({ did: SERVICE })).rejects.toMatchObject({ error: 'RepoNotFound' })
    await expect(server.createSession({ identifier: SERVICE, password: 'correct horse' })).rejects.toMatchObject({ status: 401 })
    expect((await server.reserveSigningKey({})).data).toEqual({ signingKey: pod.vault.signingDidKey })
  })

  test.each([
    ['no code', { inviteCode: undefined }, 'InvalidInviteCode'],
    ['another code', { inviteCode: 'localhost-aaaaa-aaaaa' }, 'InvalidInviteCode'],
    ['no address', { email: undefined }, 'InvalidRequest'],
    ['an address that is none', { email: 'mover' }, 'InvalidRequest'],
    ['no password', { password: undefined }, 'InvalidPassword'],
    ['a short password', { password: 'short' }, 'InvalidPassword'],
    ['a reserved handle', { handle: 'mover.onion' }, 'InvalidHandle'],
    ['an operation to be sent', { plcOp: {} }, 'InvalidRequest'],
  ])('with %s stays vacant', async (_, more, error) => {
    await expect(create(more)).rejects.toMatchObject({ status: 400, error })
    expect(await pod.summary()).toMatchObject({ standing: 'vacant', inviteCode })
  })

  test('locks after wrong codes, so that none is guessed', async () => {
    for (let i = 0; i < MAX_SIGN_IN_FAILURES; i++)
      await expect(create({ inviteCode: 'localhost-aaaaa-aaaaa' })).rejects.toMatchObject({ error: 'InvalidInviteCode' })
    await expect(create({})).rejects.toMatchObject({ status: 429, error: 'RateLimitExceeded' })
  })

  test('counts codes tried side by side one by one', async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => create({ inviteCode: 'localhost-aaaaa-aaaaa' })))
    const statuses = outcomes.map((outcome) => outcome.status === 'rejected' && outcome.reason.status)
    expect(statuses.filter((status) => status === 400)).toHaveLength(MAX_SIGN_IN_FAILURES)
    expect(statuses.filter((status) => status === 429)).toHaveLength(20 - MAX_SIGN_IN_FAILURES)
  })

  test('asks nobody for a DID before the code is right', async () => {
    network = new Proxy(network, { get: () => expect.fail('something was asked for') })
    await expect(create({ did: MOVER, inviteCode: 'localhost-aaaaa-aaaaa' }, await serviceToken())).rejects.toMatchObject({
      error: 'InvalidInviteCode',
    })
  })
})

describe('an account that brings its DID', () => {
  test.each([
    ['nothing', undefined, 'AuthenticationRequired'],
    ['a token for another method', { lxm: 'com.atproto.repo.uploadBlob' }, 'BadJwtLexiconMethod'],
    ['a token for any method', { lxm: undefined }, 'BadJwtLexiconMethod'],
    ['a token for another server', { aud: 'did:web:other.example' }, 'BadJwtAudience'],
    ['an expired token', { exp: 1 }, 'JwtExpired'],
    ['the token of another account', { iss: WEB_MOVER }, 'AuthenticationRequired'],
    ['a token of no DID', { iss: 'mover' }, 'BadJwtIss'],
    ['a token without expiry', { exp: undefined }, 'BadJwt'],
  ])('and shows %s is refused', async (_, claims, error) => {
    await expect(create({ did: MOVER }, claims && (await serviceToken(claims)))).rejects.toMatchObject({ status: 401, error })
    expect((await pod.summary()).standing).toBe('vacant')
  })

  test('and signs by another key, or shows a session token, is refused', async () => {
    const otherKey = await P256Keypair.create()
    await expect(create({ did: MOVER }, await serviceToken({}, otherKey))).rejects.toMatchObject({ status: 401, error: 'BadJwtSignature' })
    await expect(create({ did: MOVER }, await serviceToken({}, oldKey, { typ: 'at+jwt' }))).rejects.toMatchObject({ error: 'BadJwtType' })
    await expect(create({ did: MOVER }, await serviceToken({}, oldKey, { alg: 'none' }))).rejects.toMatchObject({
      error: 'BadJwtSignature',
    })
  })

  test('arrives: it is signed in, shown to nobody, and says nothing until its document points here', async () => {
    const { data } = await create({ did: MOVER }, await serviceToken())
    expect(data).toMatchObject({ did: MOVER, handle: 'mover.test' })
    const agent = await signIn()
    expect(agent.session).toMatchObject({
      did: MOVER,
      active: false,
      status: 'deactivated',
      email: 'mover@example.com',
      emailConfirmed: false,
    })
    // A client that is told where the document points would go back there.
    expect(agent.pdsUrl).toBeUndefined()
    expect(await pod.summary()).toMatchObject({ did: MOVER, standing: 'arriving' })
    expect((await pod.summary()).inviteCode).toBeUndefined()
    const resumed = new Request(`${ORIGIN}/xrpc/com.atproto.server.getSession`, { headers: { authorization: `Bearer ${data.accessJwt}` } })
    expect((await pod.handle(resumed, { origin: 'shim' })).status).toBe(200)

    const { server } = agent.com.atproto
    await expect(agent.post({ text: 'early' })).rejects.toMatchObject({ status: 401, error: 'AccountDeactivated' })
    expect((await server.checkAccountStatus()).data).toMatchObject({ activated: false, validDid: false })
    await expect(server.activateAccount()).rejects.toMatchObject({ status: 400 })
    expect(await eventKinds()).not.toContain('account')

    const rotation = pod.vault.rotation?.didKey ?? ''
    network[`https://plc.example/${MOVER}/data`] = () => Response.json(plcDataOf(pod.vault.signingDidKey, ORIGIN, [rotation]))
    expect((await server.checkAccountStatus()).data).toMatchObject({ validDid: true })
    await server.activateAccount()
    expect((await eventKinds()).slice(-3)).toEqual(['account', 'identity', 'sync'])
    await agent.post({ text: 'I am here' })
  })

  test('in a did:web of another host arrives just so', async () => {
    await create({ did: WEB_MOVER, handle: 'mover.test' }, await serviceToken({ iss: WEB_MOVER }))
    const agent = await signIn()
    network['https://mover.example/.well-known/did.json'] = () => Response.json(documentOf(WEB_MOVER, pod.vault.signingDidKey, ORIGIN))
    await agent.com.atproto.server.activateAccount()
    expect(await pod.summary()).toMatchObject({ did: WEB_MOVER, standing: 'active' })
    expect(Object.keys(await pod.documents())).not.toContain('/.well-known/did.json')
  })

  test('needs a handle that names it', async () => {
    await expect(create({ did: MOVER, handle: 'mover.example.com' }, await serviceToken())).rejects.toMatchObject({
      status: 400,
      error: 'InvalidRequest',
    })
    network['https://mover.example.com/.well-known/atproto-did'] = () => new Response(MOVER)
    expect((await create({ did: MOVER, handle: 'mover.example.com' }, await serviceToken())).data).toMatchObject({ did: MOVER })
  })

  test('comes in after a worker that was killed over it, halfway', async () => {
    await pod.close()
    // What `moveIn` does first; the account that the rows name is still nobody.
    await (await Repo.create(store, pod.vault, MOVER)).close()
    pod = (await openPod(store, options))!
    expect(await pod.summary()).toMatchObject({ standing: 'vacant', inviteCode })
    expect((await create({ did: WEB_MOVER }, await serviceToken({ iss: WEB_MOVER }))).data.did).toBe(WEB_MOVER)
    expect((await signIn()).session?.did).toBe(WEB_MOVER)
    expect(pod.repo.did).toBe(WEB_MOVER)
  })

  test('comes in once', async () => {
    const token = await serviceToken()
    const outcomes = await Promise.allSettled([create({ did: MOVER }, token), create({ did: MOVER }, token)])
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    await reopened
    await expect(create({ did: MOVER }, token)).rejects.toMatchObject({ status: 400, error: 'InvalidInviteCode' })
  })
})

describe('a new account', () => {
  test('gets a did:plc where the room names a directory, and is active at once', async () => {
    const { data } = await create({})
    expect(data.did).toMatch(/^did:plc:/)
    expect(registered).toEqual([`https://plc.example/${data.did}`])
    const agent = await signIn()
    expect(agent.session).toMatchObject({ did: data.did, active: true })
    await agent.post({ text: 'hello' })
    expect((await eventKinds()).slice(-3)).toEqual(['identity', 'account', 'commit'])
  })

  test('names the recovery key of its owner first', async () => {
    const recoveryKey = (await P256Keypair.create()).did()
    await expect(create({ recoveryKey: 'did:key:nonsense' })).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
    await create({ recoveryKey })
    const operation = JSON.parse(sent.at(-1) ?? '')
    await reopened
    expect(operation.rotationKeys).toEqual([recoveryKey, pod.vault.rotation?.didKey])
  })

  test('that the directory refuses leaves the pod vacant, and may try again', async () => {
    directoryStatus = 503
    await expect(create({})).rejects.toMatchObject({ status: 503, error: 'PlcUnavailable' })
    expect((await pod.summary()).standing).toBe('vacant')
    directoryStatus = 200
    expect((await create({})).data.did).toMatch(/^did:plc:/)
  })
})

test('a new account is active at once, under the name of the host where no directory is named', async () => {
  const plain = await openStore(crypto.randomUUID())
  let filled: Promise<Pod | null> = Promise.resolve(null)
  const fetch = () => Promise.reject(new TypeError('no network in tests'))
  const vacant = await createVacantPod(plain, ORIGIN, { fetch, hooks: { filled: () => void (filled = openPod(plain, { fetch })) } })
  const agent = new AtpAgent({ service: ORIGIN, fetch: (input, init) => vacant.handle(new Request(input, init), { origin: 'shim' }) })
  const code = (await vacant.summary()).inviteCode ?? ''
  const { data } = await agent.com.atproto.server.createAccount({ ...wanted(), inviteCode: code.toUpperCase() })
  expect(data).toMatchObject({ did: SERVICE, handle: 'mover.test', didDoc: { id: SERVICE } })
  const own = await filled
  expect(await own?.summary()).toMatchObject({ did: SERVICE, standing: 'active', email: 'mover@example.com' })
  expect((await own?.repo.eventsAfter(0, 100))?.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['identity', 'account']))
  await own?.close()
  plain.close()
})
