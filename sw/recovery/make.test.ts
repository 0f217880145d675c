import { describe, expect, test } from 'vitest'
import { XrpcError } from '../../wire/errors.ts'
import { readPod } from '../store/pod.ts'
import { makeRecoveryFile } from './make.ts'
import { openRecoveryFile } from './recovery-file.ts'
import { DIRECTORY, FEW_ROUNDS, HANDLE, ORIGIN, PASSPHRASE, PREFERENCES, World } from './testing.ts'

const codeOf = (making: Promise<unknown>): Promise<string> =>
  making.then(
    () => 'made',
    (cause: unknown) => (cause instanceof XrpcError ? `${cause.status} ${cause.error}` : String(cause)),
  )
const keyOf = (text: string): string => (JSON.parse(text) as { recoveryKey: string }).recoveryKey
const keyInForce = async ({ store }: World): Promise<string | undefined> => (await readPod(store, 'recovery'))?.didKey

describe.each(['web', 'plc'] as const)('a recovery file of a did:%s', (method) => {
  test('holds whose it is and the private state', async () => {
    const world = await World.create(method)
    const { head, secrets } = await openRecoveryFile(await world.makeFile(), PASSPHRASE)
    expect(head).toMatchObject({ did: world.identity.did, handle: HANDLE, origin: ORIGIN, signingKey: world.vault.signingDidKey })
    expect(head.plc).toBe(method === 'plc' ? DIRECTORY : undefined)
    expect(secrets.state).toMatchObject({ preferences: PREFERENCES, owner: { email: 'alice@example.com', emailConfirmedAt: 5 } })
    expect(secrets.state.owner).not.toHaveProperty('failures')
    expect(secrets.state.appPasswords.map(({ name }) => name)).toEqual(['phone'])
  })

  test('is handed out when its key is in force', async () => {
    const world = await World.create(method)
    const key = keyOf(await world.makeFile())
    expect(await keyInForce(world)).toBe(key)
    expect(world.room.recoveryKey).toBe(key)
  })

  test('takes the power from the one before', async () => {
    const world = await World.create(method)
    const [first, second] = [keyOf(await world.makeFile()), keyOf(await world.makeFile())]
    expect(first).not.toBe(second)
    expect(await keyInForce(world)).toBe(second)
    expect(world.room.recoveryKey).toBe(second)
    if (method === 'plc') expect(world.directory.last(world.identity.did).rotationKeys).toEqual([second, world.vault.rotation!.didKey])
  })

  test('is refused while the pod is offline, and nothing changes', async () => {
    const world = await World.create(method)
    const before = keyOf(await world.makeFile())
    world.room.online = false
    expect(await codeOf(world.makeFile())).toBe('503 Offline')
    world.isDown = true
    expect(await codeOf(world.makeFile())).toBe('503 Offline')
    expect(await keyInForce(world)).toBe(before)
    expect(world.room.recoveryKey).toBe(before)
  })

  test('is not handed out when the room does not hear of its key; the key before stays', async () => {
    const world = await World.create(method)
    const before = keyOf(await world.makeFile())
    world.isDeaf = true
    expect(await codeOf(world.makeFile(300))).toBe('503 Offline')
    expect(await world.voice.announced()).toBe(before)
    expect(await keyInForce(world)).toBe(before)
    if (method === 'plc') expect(world.directory.last(world.identity.did).rotationKeys[0]).toBe(before)
  })

  test('is not made before there is an account', async () => {
    const world = await World.create(method)
    for (const standing of ['vacant', 'arriving'] as const) {
      await world.identity.stand({ standing, since: 0 })
      expect(await codeOf(world.makeFile())).toBe('400 AccountNotHere')
    }
  })

  test('wants a passphrase that cannot be guessed in an afternoon', async () => {
    const world = await World.create(method)
    expect(await codeOf(makeRecoveryFile(world.parts, 'short', { rounds: FEW_ROUNDS }))).toBe('400 InvalidPassphrase')
  })
})

describe('the directory of a did:plc', () => {
  test('names the new key first, the pod’s own behind it, and all else as before', async () => {
    const world = await World.create('plc')
    const { did } = world.identity
    const before = world.directory.last(did)
    const key = keyOf(await world.makeFile())
    const { prev: _, sig: __, ...after } = world.directory.last(did)
    const { prev: ___, sig: ____, ...unchanged } = before
    expect(after).toEqual({ ...unchanged, rotationKeys: [key, world.vault.rotation!.didKey] })
  })

  test.each(['isDown', 'refuses'] as const)('that %s leaves the key before in force, with the room too', async (trouble) => {
    const world = await World.create('plc')
    const { did } = world.identity
    const before = keyOf(await world.makeFile())
    const submitting = world.directory.fetch
    // Down at the very step, not when it is first asked.
    Object.assign(world.directory, {
      fetch: (url: string, init?: RequestInit) => {
        if (init?.method === 'POST') world.directory[trouble] = true
        return submitting(url, init)
      },
    })
    expect(await codeOf(world.makeFile())).toBe(trouble === 'isDown' ? '503 PlcUnavailable' : '400 PlcRefused')
    await expect.poll(() => world.room.recoveryKey).toBe(before)
    expect(await keyInForce(world)).toBe(before)
    expect(world.directory.last(did).rotationKeys[0]).toBe(before)
  })

  test('whose answer was lost has the new key all the same', async () => {
    const world = await World.create('plc')
    world.directory.isMute = true
    const key = keyOf(await world.makeFile())
    expect(world.directory.last(world.identity.did).rotationKeys[0]).toBe(key)
    expect(await keyInForce(world)).toBe(key)
  })

  test('that does not name this browser’s key is not argued with', async () => {
    const world = await World.create('plc')
    const other = await World.create('plc')
    const stranger = { ...world.parts, vault: other.vault }
    expect(await codeOf(makeRecoveryFile(stranger, PASSPHRASE, { rounds: FEW_ROUNDS }))).toBe('400 PlcRefused')
    expect(world.room.recoveryKey).toBeNull()
  })
})
