import { beforeEach, describe, expect, test } from 'vitest'
import { verifySignature } from '@atproto/crypto'
import { XrpcError } from '../../wire/errors.ts'
import { isPassword } from '../account/password.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { openVault } from '../identity/key-vault.ts'
import { blobService } from '../repo/blobs.ts'
import { Repo } from '../repo/repo.ts'
import { readAppPasswords } from '../store/app-passwords.ts'
import { openStore, type Store } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import { checkRecoveryFile, type Progress } from './check.ts'
import { restorePod } from './restore.ts'
import { RecoveryVoice } from './recovery-voice.ts'
import { DIRECTORY, HANDLE, NOTE, ORIGIN, PASSPHRASE, PASSWORD, PREFERENCES, World } from './testing.ts'

const NOTES = 12
/** Moments at which the worker is killed, spread over the whole of a restore. */
const KILLS = 16

describe.each(['web', 'plc'] as const)('a restore of a did:%s', (method) => {
  let world: World
  let text: string
  let pictures: string[]
  let store: Store
  beforeEach(async () => {
    world = await World.create(method)
    for (let at = 0; at < NOTES; at += 1) await world.note(`note-${at}`)
    pictures = [
      await world.picture('picture', 'a picture'),
      await world.picture('other', 'another'),
      await world.picture('third', 'a third'),
    ]
    text = await world.makeFile()
    await world.note('after', { text: 'written after the file was made' })
    store = await openStore(crypto.randomUUID())
  })

  const restore = (fetch: Fetch = world.fetch, onProgress: (progress: Progress) => void = () => {}): Promise<void> =>
    restorePod(store, text, PASSPHRASE, { origin: ORIGIN, fetch, now: Date.now, onProgress })
  const isPod = async (): Promise<boolean> =>
    (await readPod(store, 'keys')) !== undefined && (await readPod(store, 'restoring')) === undefined
  const codeOf = (restoring: Promise<unknown>): Promise<string> =>
    restoring.then(
      () => 'restored',
      (cause: unknown) => (cause instanceof XrpcError ? `${cause.status} ${cause.error}` : String(cause)),
    )

  /** All that a restore promises. */
  const assertRestored = async (): Promise<void> => {
    expect(await isPod()).toBe(true)
    const [keys, identity, account, owner] = await Promise.all([
      readPod(store, 'keys'),
      readPod(store, 'identity'),
      readPod(store, 'account'),
      readPod(store, 'owner'),
    ])
    const vault = await openVault(keys!)
    expect(keys!.signingDidKey).not.toBe(world.vault.signingDidKey)
    expect(identity).toMatchObject({ did: world.identity.did, handle: HANDLE, origin: ORIGIN })
    expect(account).toMatchObject({ standing: 'active' })

    const repo = await Repo.open(store, vault)
    expect(repo.head().rev > world.repo.head().rev).toBe(true)
    expect(repo.head().data).toBe(world.repo.head().data)
    expect((await repo.record(NOTE, 'after'))?.value).toMatchObject({ text: 'written after the file was made' })
    expect(await repo.collections()).toEqual([{ name: NOTE, count: NOTES + 4 }])
    const announced = await repo.eventsAfter(0, 100)
    expect(announced.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['identity', 'account']))

    const blobs = blobService(store)
    expect((await blobs.missing({ limit: 10 })).blobs).toEqual([])
    for (const cid of pictures) expect(await (await blobs.get(cid))?.bytes.text()).toBe(await (await world.blobs.get(cid))!.bytes.text())
    await repo.close()

    expect(await isPassword(PASSWORD, owner!)).toBe(true)
    expect(owner).toMatchObject({ email: 'alice@example.com', emailConfirmedAt: 5, failures: 0, lockedUntil: 0 })
    expect(await readPod(store, 'preferences')).toEqual(PREFERENCES)
    expect((await readAppPasswords(store)).map(({ name }) => name)).toEqual(['phone'])

    if (method === 'plc') {
      const { rotationKeys, verificationMethods, services, alsoKnownAs } = world.directory.last(world.identity.did)
      expect(rotationKeys).toEqual([(JSON.parse(text) as { recoveryKey: string }).recoveryKey, vault.rotation!.didKey])
      expect(verificationMethods).toEqual({ atproto: keys!.signingDidKey })
      expect(services['atproto_pds']?.endpoint).toBe(ORIGIN)
      expect(alsoKnownAs).toEqual([`at://${HANDLE}`])
    }
  }

  test('brings back records, blobs, private state and the account, with keys of its own', async () => {
    await restore()
    await assertRestored()
  })

  test('asks the room to turn to it, by the key of the file, until it has', async () => {
    await restore()
    const voice = new RecoveryVoice(store)
    const { recoveryKey } = JSON.parse(text) as { recoveryKey: string }
    const message = new TextEncoder().encode('the room’s own words')
    expect(await voice.announced()).toBe(recoveryKey)
    expect(await verifySignature(recoveryKey, message, (await voice.rebind(message))!)).toBe(true)
    expect((await readPod(store, 'rebind'))?.key.extractable).toBe(false)
    await voice.admitted()
    expect(await voice.rebind(message)).toBeUndefined()
    expect(await voice.announced()).toBe(recoveryKey)
  })

  test('says how far it has come', async () => {
    const said: Progress[] = []
    await restore(world.fetch, (progress) => said.push(progress))
    expect(said.findLast(({ work }) => work === 'records')?.done).toBe(NOTES + 4)
    expect(said.at(-1)).toEqual({ kind: 'progress', work: 'blobs', done: 3, total: 3 })
  })

  test('can be begun again with the same file, wherever it was cut off', async () => {
    // Every request of a restore that works, one after the other, is the one that fails once.
    const requests: string[] = []
    const counting = await openStore(crypto.randomUUID())
    const scout = await World.create(method)
    const file = await scout.makeFile()
    await scout.picture('picture', 'a picture')
    await restorePod(counting, file, PASSPHRASE, {
      origin: ORIGIN,
      fetch: (url, init) => (requests.push(url), scout.fetch(url, init)),
      now: Date.now,
    })
    expect(requests.length).toBeGreaterThan(method === 'plc' ? 8 : 6)

    for (let failing = 0; failing < requests.length; failing += 1) {
      let asked = 0
      const cut: Fetch = (url, init) => (asked++ === failing ? Promise.reject(new TypeError('Failed to fetch')) : world.fetch(url, init))
      store = await openStore(crypto.randomUUID())
      const first = await codeOf(restore(cut))
      if (first !== 'restored') {
        expect(await isPod()).toBe(false)
        await restore()
      }
      await assertRestored()
    }
  })

  test('can be begun again wherever the worker was killed, and then goes on with the keys it had made', async () => {
    const operations = (): number => world.directory.logs.get(world.identity.did)?.length ?? 0
    /** The store of a worker that dies at its `last` access; what was begun before ends as it may. */
    const mortal = (whole: Store, last: number): Store => {
      let accesses = 0
      return new Proxy(whole, {
        get(target, name) {
          if ((accesses += 1) > last) throw new Error('the worker was killed')
          const value: unknown = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    }
    const { fetch } = world
    const run = (on: Store): Promise<string> => codeOf(restorePod(on, text, PASSPHRASE, { origin: ORIGIN, fetch, now: Date.now }))
    const seen = { accesses: 0 }
    store = await openStore(crypto.randomUUID())
    const counting = new Proxy(store, {
      get(target, name) {
        seen.accesses += 1
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    expect(await run(counting)).toBe('restored')
    for (let part = 0; part < KILLS; part += 1) {
      store = await openStore(crypto.randomUUID())
      const before = operations()
      expect(await run(mortal(store, Math.floor((seen.accesses * part) / KILLS)))).not.toBe('restored')
      expect(await isPod()).toBe(false)
      const kept = await readPod(store, 'keys')
      expect(await run(store)).toBe('restored')
      await assertRestored()
      if (kept) expect((await readPod(store, 'keys'))?.signingDidKey).toBe(kept.signingDidKey)
      expect(operations()).toBe(method === 'plc' ? before + 1 : 0)
    }
  })

  test('lists as missing what the mirror has lost, and restores the rest', async () => {
    world.evicted.add(pictures[0]!)
    await restore()
    expect((await blobService(store).missing({ limit: 10 })).blobs).toEqual([
      { cid: pictures[0], recordUri: `at://${world.identity.did}/${NOTE}/picture` },
    ])
    expect((await blobService(store).counts()).imported).toBe(2)
  })

  test('does not take a blob for another', async () => {
    world.tamper = (path, response) =>
      path.endsWith('getBlob') ? new Response('not what was asked for', { headers: { 'content-type': 'text/plain' } }) : response
    await restore()
    expect((await blobService(store).missing({ limit: 10 })).blobs).toHaveLength(3)
  })

  test('takes along what was written while it was under way', async () => {
    let isWritten = false
    await restore(async (url, init) => {
      const response = await world.fetch(url, init)
      if (url.includes('getRepo') && !isWritten) {
        isWritten = true
        await world.note('meanwhile')
      }
      return response
    })
    const repo = await Repo.open(store, await openVault((await readPod(store, 'keys'))!))
    expect(await repo.record(NOTE, 'meanwhile')).not.toBeNull()
    await repo.close()
  })

  test('begins anew where another file had begun', async () => {
    await codeOf(restore((url, init) => (url.includes('getRepo') ? Promise.reject(new TypeError('cut')) : world.fetch(url, init))))
    const kept = await readPod(store, 'keys')
    text = await world.makeFile()
    await restore()
    await assertRestored()
    expect((await readPod(store, 'keys'))?.signingDidKey).not.toBe(kept?.signingDidKey)
  })

  test.each([
    [
      'with another passphrase',
      '400 WrongPassphrase',
      async () => restorePod(store, text, 'another passphrase', { origin: ORIGIN, fetch: world.fetch, now: Date.now }),
    ],
    [
      'at another address',
      '400 WrongHost',
      async () => restorePod(store, text, PASSPHRASE, { origin: 'https://other.example', fetch: world.fetch, now: Date.now }),
    ],
    ['after a newer file was made', '400 RecoveryKeyReplaced', async () => (await world.makeFile(), restore())],
    ['of an account that moved away', '400 AccountMovedAway', async () => ((world.room.did = 'did:web:other.example'), restore())],
    ['when the relay is away', '503 MirrorUnavailable', async () => ((world.isDown = true), restore())],
    [
      'from a mirror whose repo breaks off',
      '502 MirrorUntrustworthy',
      async () => {
        let asked = 0
        world.tamper = async (path, response) => {
          // The first look is at the commit alone.
          if (!path.endsWith('getRepo') || (asked += 1) < 2) return response
          const car = await response.arrayBuffer()
          return new Response(car.slice(0, car.byteLength - 300))
        }
        return restore()
      },
    ],
    [
      'from a mirror that serves another’s repo',
      '502 MirrorUntrustworthy',
      async () => {
        const stranger = await World.create(method)
        return restore((url, init) => (url.includes('.sync.') ? stranger.fetch(url, init) : world.fetch(url, init)))
      },
    ],
  ])('%s is refused, and no pod is there', async (_, code, restoring) => {
    expect(await codeOf(restoring())).toBe(code)
    expect(await isPod()).toBe(false)
  })
})

test('a did:plc is not turned to an address that admits none', async () => {
  const world = await World.create('plc')
  const text = await world.makeFile()
  const before = world.directory.last(world.identity.did)
  world.room.plc = null
  const store = await openStore(crypto.randomUUID())
  await expect(restorePod(store, text, PASSPHRASE, { origin: ORIGIN, fetch: world.fetch, now: Date.now })).rejects.toMatchObject({
    error: 'PlcNotOffered',
  })
  expect(world.directory.last(world.identity.did)).toEqual(before)
})

test('a did:plc that has moved to another server is left there', async () => {
  const world = await World.create('plc')
  const text = await world.makeFile()
  const { did } = world.identity
  const { signOperation, hashOf, hashToCid } = await import('../identity/plc-operation.ts')
  const { sig: _, prev: __, type: ___, ...data } = world.directory.last(did)
  const services = { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://elsewhere.example' } }
  const operation = await signOperation({ ...data, services }, hashToCid(await hashOf(world.directory.last(did))), world.vault.rotation!)
  await world.directory.fetch(`${DIRECTORY}/${did}`, { method: 'POST', body: JSON.stringify(operation) })
  const store = await openStore(crypto.randomUUID())
  await expect(restorePod(store, text, PASSPHRASE, { origin: ORIGIN, fetch: world.fetch, now: Date.now })).rejects.toMatchObject({
    error: 'AccountMovedAway',
  })
})

test('an account whose did:web another host serves arrives anew: its document must name the new key first', async () => {
  const world = await World.create('elsewhere')
  await world.note('note')
  const text = await world.makeFile()
  const { problems } = await checkRecoveryFile(text, PASSPHRASE, { origin: ORIGIN, fetch: world.fetch })
  expect(problems).toEqual([expect.stringMatching(/must be given the new signing key/)])
  const store = await openStore(crypto.randomUUID())
  await restorePod(store, text, PASSPHRASE, { origin: ORIGIN, fetch: world.fetch, now: Date.now })
  expect(await readPod(store, 'account')).toMatchObject({ standing: 'arriving' })
  const repo = await Repo.open(store, await openVault((await readPod(store, 'keys'))!))
  expect(await repo.record(NOTE, 'note')).not.toBeNull()
  expect((await repo.eventsAfter(0, 100)).filter(({ kind }) => kind !== 'commit')).toEqual([])
  await repo.close()
})
