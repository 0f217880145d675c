import { beforeEach, describe, expect, test } from 'vitest'
import { XrpcError } from '../../wire/errors.ts'
import type { RecoveryCheck } from '../../wire/owner.ts'
import { makeKeys } from '../identity/key-vault.ts'
import { signOperation } from '../identity/plc-operation.ts'
import { checkRecoveryFile, type Progress } from './check.ts'
import { HANDLE, ORIGIN, PASSPHRASE, World } from './testing.ts'

const check = (world: World, text: string, onProgress: (progress: Progress) => void = () => {}): Promise<RecoveryCheck> =>
  checkRecoveryFile(text, PASSPHRASE, { origin: ORIGIN, fetch: world.fetch, onProgress })

describe.each(['web', 'plc'] as const)('a check of the file of a did:%s', (method) => {
  let world: World
  let text: string
  beforeEach(async () => {
    world = await World.create(method)
    for (let at = 0; at < 12; at += 1) await world.note(`note-${at}`)
    await world.picture('picture', 'a picture')
    await world.picture('other', 'another picture')
    await world.picture('third', 'one more picture')
    text = await world.makeFile()
  })
  const problemsOf = async (): Promise<string> => (await check(world, text)).problems.join('\n')

  test('counts what would come back and finds no problem', async () => {
    const found = await check(world, text)
    expect(found).toEqual({
      did: world.identity.did,
      handle: HANDLE,
      madeAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      mirror: { rev: world.repo.head().rev, records: 15, blobs: 3, missingBlobs: 0 },
      problems: [],
    })
  })

  test('changes nothing', async () => {
    const before = [structuredClone(world.room), world.joins, world.repo.head(), world.directory.logs.get(world.identity.did)?.length]
    await check(world, text)
    expect([world.room, world.joins, world.repo.head(), world.directory.logs.get(world.identity.did)?.length]).toEqual(before)
  })

  test('says how far it has come', async () => {
    const said: Progress[] = []
    await check(world, text, (progress) => said.push(progress))
    expect(said.findLast(({ work }) => work === 'records')?.done).toBe(15)
    expect(said.at(-1)).toEqual({ kind: 'progress', work: 'blobs', done: 3, total: 3 })
  })

  test('says that a newer file has taken its place', async () => {
    await world.makeFile()
    expect(await problemsOf()).toMatch(/A newer recovery file has taken this one’s place at the relay/)
    if (method === 'plc') expect(await problemsOf()).toMatch(/directory does not name the key of this file/)
  })

  test('says that the room has forgotten the account, or was given to another', async () => {
    world.room.did = 'did:web:other.example'
    expect(await problemsOf()).toMatch(/belongs to another account now: did:web:other.example/)
    world.room.bound = false
    expect(await problemsOf()).toMatch(/has forgotten this account/)
  })

  test('says that the relay knows no recovery key', async () => {
    world.room.recoveryKey = null
    expect(await problemsOf()).toMatch(/knows no recovery key/)
  })

  test('says once that the relay cannot be reached', async () => {
    world.isDown = true
    const { mirror, problems } = await check(world, text)
    expect(mirror).toBeNull()
    expect(problems.filter((problem) => problem.includes('could not be read'))).toHaveLength(1)
  })

  test('counts blobs that the mirror has lost, and those that only an open tab has', async () => {
    const cid = await world.picture('fourth', 'a picture that leaves')
    world.evicted.add(cid)
    const { mirror, problems } = await check(world, text)
    expect(mirror).toMatchObject({ blobs: 3, missingBlobs: 1 })
    expect(problems).toEqual([expect.stringMatching(/One picture or video is not in the relay’s copy/)])
    world.tamper = (path, response) => {
      if (path.endsWith('getBlob')) response.headers.set('x-tabpod-answered-by', 'tab')
      return response
    }
    expect((await check(world, text)).mirror).toMatchObject({ blobs: 0, missingBlobs: 4 })
  })

  test('at another address says where a restore works', async () => {
    const elsewhere = await checkRecoveryFile(text, PASSPHRASE, { origin: 'https://other.example', fetch: world.fetch })
    expect(elsewhere.problems).toEqual([`A restore works at ${ORIGIN} alone: open that address for it.`])
  })

  test('finds a mirror that serves a repo of another key', async () => {
    const stranger = await World.create(method)
    world.tamper = (path, response) =>
      path.includes('.sync.') ? stranger.fetch(`${ORIGIN}${path}?cids=${stranger.repo.head().commit}`) : response
    const { mirror, problems } = await check(world, text)
    expect(mirror).toBeNull()
    expect(problems.join('\n')).toMatch(/copy of the repo cannot be used: its commit is not signed by a key of this account/)
  })

  test.each([
    ['breaks off', (car: Uint8Array) => car.slice(0, car.length - 300)],
    ['has a block that is not what its CID says', (car: Uint8Array) => (car.set([car.at(-1)! ^ 1], car.length - 1), car)],
    ['is nothing', () => new Uint8Array(0)],
  ])('finds a mirror whose repo %s', async (_, spoil) => {
    world.tamper = async (path, response) =>
      path.endsWith('getRepo') ? new Response(spoil(new Uint8Array(await response.arrayBuffer())) as Uint8Array<ArrayBuffer>) : response
    const { mirror, problems } = await check(world, text)
    expect(mirror).toBeNull()
    expect(problems.join('\n')).toMatch(/copy of the repo cannot be used/)
  })

  test('finds a mirror whose repo lacks a whole record', async () => {
    const whole = await world.repo.blocks([world.repo.head().commit])
    world.tamper = (path, response) => (path.endsWith('getRepo') ? new Response(new Uint8Array(whole)) : response)
    expect(await problemsOf()).toMatch(/blocks are missing/)
  })

  test('hands on why an account is not served', async () => {
    world.tamper = (path, response) =>
      path.includes('.sync.')
        ? Response.json({ error: 'RepoDeactivated', message: 'Repo has been deactivated: alice' }, { status: 400 })
        : response
    expect(await problemsOf()).toMatch(/^The account is deactivated/)
  })

  test('ends at once with another passphrase, or what is no recovery file', async () => {
    const codes = [checkRecoveryFile(text, 'another passphrase', { origin: ORIGIN, fetch: world.fetch }), check(world, '{}')].map(
      (checking) =>
        checking.then(
          () => 'checked',
          (cause: unknown) => (cause instanceof XrpcError ? `${cause.status} ${cause.error}` : String(cause)),
        ),
    )
    expect(await Promise.all(codes)).toEqual(['400 WrongPassphrase', '400 BadRecoveryFile'])
  })
})

describe('a check of the file of a did:plc', () => {
  let world: World
  let text: string
  beforeEach(async () => {
    world = await World.create('plc')
    text = await world.makeFile()
  })
  /** Another operation in the directory, signed by the pod's own rotation key. */
  const change = async (changes: Record<string, unknown>): Promise<void> => {
    const { did } = world.identity
    const { sig: _, prev: __, type: ___, ...data } = world.directory.last(did)
    const { hashOf, hashToCid } = await import('../identity/plc-operation.ts')
    const prev = hashToCid(await hashOf(world.directory.last(did)))
    const operation = await signOperation({ ...data, ...changes }, prev, world.vault.rotation!)
    await world.directory.fetch(`https://plc.example/${did}`, { method: 'POST', body: JSON.stringify(operation) })
  }

  test('says that the account has moved away', async () => {
    await change({ services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://elsewhere.example' } } })
    expect((await check(world, text)).problems).toEqual([expect.stringMatching(/lives at https:\/\/elsewhere.example/)])
  })

  test('says that a stronger key could undo a restore', async () => {
    const { rotationKeys } = world.directory.last(world.identity.did)
    const { rotationDidKey = '' } = await makeKeys({ rotates: true })
    await change({ rotationKeys: [rotationDidKey, ...rotationKeys] })
    expect((await check(world, text)).problems).toEqual([expect.stringMatching(/can undo a restore for 72 hours/)])
  })

  test('says that the directory does not answer', async () => {
    world.directory.isDown = true
    const { mirror, problems } = await check(world, text)
    expect(problems).toEqual([expect.stringMatching(/directory at plc.example does not answer/)])
    // By the key that the file names.
    expect(mirror).not.toBeNull()
  })

  test('says that the relay admits no did:plc', async () => {
    world.room.plc = null
    expect((await check(world, text)).problems).toEqual([expect.stringMatching(/started without a PLC directory/)])
  })
})
