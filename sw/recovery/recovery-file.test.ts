import { describe, expect, test } from 'vitest'
import { XrpcError } from '../../wire/errors.ts'
import { openRecoveryFile, type PrivateState, sealRecoveryFile } from './recovery-file.ts'
import { makeRecoveryKey, openRecoveryKey } from './recovery-key.ts'

const PASSPHRASE = 'seven green umbrellas'
const FEW_ROUNDS = 10
const key = await makeRecoveryKey()
const HEAD = {
  did: 'did:plc:abcdefghijklmnopqrstuvwx',
  handle: 'alice.test',
  origin: 'http://localhost:1999',
  plc: 'https://plc.directory',
  madeAt: '2026-01-02T03:04:05.678Z',
  recoveryKey: key.didKey,
  signingKey: 'did:key:zSigning',
}
const STATE: PrivateState = {
  owner: { salt: Uint8Array.of(1, 2), hash: Uint8Array.of(3, 4), rounds: 600_000, email: 'alice@example.com', emailConfirmedAt: 5 },
  appPasswords: [{ name: 'phone', privileged: true, createdAt: 6, salt: Uint8Array.of(7), hash: Uint8Array.of(8), rounds: 600_000 }],
  preferences: [{ type: 'app.bsky.actor.defs#adultContentPref', json: '{"enabled":true}' }],
}
const seal = () => sealRecoveryFile(HEAD, { recoveryKey: key.privateKey, state: STATE }, PASSPHRASE, FEW_ROUNDS)

const codeOf = (opening: Promise<unknown>): Promise<string> =>
  opening.then(
    () => 'opened',
    (cause: unknown) => (cause instanceof XrpcError ? `${cause.status} ${cause.error}` : String(cause)),
  )
const changed = (text: string, change: (file: Record<string, unknown>) => void): string => {
  const file = JSON.parse(text) as Record<string, unknown>
  change(file)
  return JSON.stringify(file)
}

describe('a recovery file', () => {
  test('gives back with its passphrase what was put in', async () => {
    const { head, secrets } = await openRecoveryFile(await seal(), PASSPHRASE)
    expect(head).toEqual(HEAD)
    expect(secrets).toEqual({ recoveryKey: key.privateKey, state: STATE })
  })

  test('says without a passphrase whose it is, and nothing that is private', async () => {
    const text = await seal()
    expect(JSON.parse(text)).toMatchObject({ ...HEAD, format: 'tabpod recovery file', version: 1 })
    for (const secret of ['alice@example.com', 'adultContentPref', 'phone']) expect(text).not.toContain(secret)
  })

  test('is another one each time, though the same is put in', async () => {
    const [one, two] = [JSON.parse(await seal()), JSON.parse(await seal())] as Array<{ secret: string; encryption: { salt: string } }>
    expect(one!.secret).not.toBe(two!.secret)
    expect(one!.encryption.salt).not.toBe(two!.encryption.salt)
  })

  test('is made with as many rounds as a password', async () => {
    const text = await sealRecoveryFile(HEAD, { recoveryKey: key.privateKey, state: STATE }, PASSPHRASE)
    expect((JSON.parse(text) as { encryption: { rounds: number } }).encryption.rounds).toBeGreaterThanOrEqual(600_000)
    expect((await openRecoveryFile(text, PASSPHRASE)).head).toEqual(HEAD)
  })

  test('survives a program that writes its JSON anew, and a passphrase in the other Unicode form', async () => {
    const text = await sealRecoveryFile(HEAD, { recoveryKey: key.privateKey, state: STATE }, 'äpfel und birnen', FEW_ROUNDS)
    const fields = Object.entries(JSON.parse(text) as object).reverse()
    expect((await openRecoveryFile(JSON.stringify(Object.fromEntries(fields)), 'äpfel und birnen'.normalize('NFD'))).head).toEqual(HEAD)
  })

  test('does not open with another passphrase', async () => {
    expect(await codeOf(openRecoveryFile(await seal(), 'seven green umbrella'))).toBe('400 WrongPassphrase')
  })

  test.each(['did', 'handle', 'origin', 'plc', 'madeAt', 'recoveryKey', 'signingKey', 'about'])(
    'does not open when its %s was changed',
    async (name) => {
      const others: Record<string, string> = {
        did: 'did:plc:bbcdefghijklmnopqrstuvwx',
        origin: 'http://localhost:2000',
        plc: 'https://other.example',
        madeAt: '2027-01-02T03:04:05.678Z',
        recoveryKey: 'did:key:zOther',
        signingKey: 'did:key:zOther',
      }
      const text = changed(await seal(), (file) => (file[name] = others[name] ?? 'other'))
      expect(await codeOf(openRecoveryFile(text, PASSPHRASE))).toBe('400 WrongPassphrase')
    },
  )

  test('does not open when a field was put into its head, or its rounds were lowered', async () => {
    const text = await seal()
    expect(
      await codeOf(
        openRecoveryFile(
          changed(text, (file) => (file['note'] = 'hello')),
          PASSPHRASE,
        ),
      ),
    ).toBe('400 WrongPassphrase')
    const weaker = changed(text, (file) => (file['encryption'] = { ...(file['encryption'] as object), rounds: 9 }))
    expect(await codeOf(openRecoveryFile(weaker, PASSPHRASE))).toBe('400 WrongPassphrase')
  })

  test('does not open when one bit of its secret is another', async () => {
    const text = changed(await seal(), (file) => {
      const secret = String(file['secret'])
      file['secret'] = `${secret.slice(0, 40)}${secret[40] === 'A' ? 'B' : 'A'}${secret.slice(41)}`
    })
    expect(await codeOf(openRecoveryFile(text, PASSPHRASE))).toBe('400 WrongPassphrase')
  })

  test('of another version is refused by name', async () => {
    const text = changed(await seal(), (file) => (file['version'] = 2))
    expect(await codeOf(openRecoveryFile(text, PASSPHRASE))).toBe('400 UnknownRecoveryFileVersion')
  })

  test.each([
    ['no JSON', 'hello'],
    ['nothing', ''],
    ['an array', '[]'],
    ['null', 'null'],
    ['another JSON', '{"did":"did:web:alice.example"}'],
    ['a head alone', JSON.stringify({ format: 'tabpod recovery file', version: 1, ...HEAD })],
  ])('%s is none', async (_, text) => {
    expect(await codeOf(openRecoveryFile(text, PASSPHRASE))).toBe('400 BadRecoveryFile')
  })

  test('that asks for a billion rounds is none', async () => {
    const text = changed(await seal(), (file) => (file['encryption'] = { ...(file['encryption'] as object), rounds: 1e9 }))
    expect(await codeOf(openRecoveryFile(text, PASSPHRASE))).toBe('400 BadRecoveryFile')
  })
})

describe('a recovery key', () => {
  test('out of a file cannot be exported any more', async () => {
    expect((await openRecoveryKey(key.privateKey, key.didKey)).extractable).toBe(false)
  })

  test('that is not the one its file names is refused', async () => {
    const other = await makeRecoveryKey()
    expect(await codeOf(openRecoveryKey(other.privateKey, key.didKey))).toBe('400 BadRecoveryFile')
    expect(await codeOf(openRecoveryKey(Uint8Array.of(1, 2, 3), key.didKey))).toBe('400 BadRecoveryFile')
  })
})
