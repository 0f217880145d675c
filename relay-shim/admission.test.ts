import { beforeEach, describe, expect, test } from 'vitest'
import { Admission } from './admission.ts'
import { Refused } from './refused.ts'
import { MemoryPort } from './testing/memory-port.ts'
import { newKeys, signedHello, type Hello, type TabKeys } from './testing/tab.ts'

const TOKEN = 'a-token-of-many-characters'
let keys: TabKeys
beforeEach(async () => {
  keys = await newKeys()
})

/** What the room does between hello and welcome, the mirror left out. */
const admit = async (admission: Admission, hello: Hello): Promise<void> => admission.bind(await admission.judge(hello))

const codeOf = async (promise: Promise<unknown>): Promise<string> => {
  const cause = await promise.then(
    () => null,
    (cause: unknown) => cause,
  )
  return cause instanceof Refused ? cause.error : `not refused: ${String(cause)}`
}

describe('verify', () => {
  test('takes a challenge signed by the key that is shown', async () => {
    const admission = await Admission.open(new MemoryPort())
    const challenge = admission.challenge()
    await admission.verify(await signedHello(keys, challenge), challenge.nonce)
  })

  test('refuses a hello replayed on another connection, whose nonce is another', async () => {
    const admission = await Admission.open(new MemoryPort())
    const hello = await signedHello(keys, admission.challenge())
    expect(await codeOf(admission.verify(hello, admission.challenge().nonce))).toBe('BadSignature')
  })

  test('refuses a hello signed by a key other than the one shown', async () => {
    const admission = await Admission.open(new MemoryPort())
    const challenge = admission.challenge()
    const hello = await signedHello(keys, challenge, { uplinkKey: (await newKeys()).jwk })
    expect(await codeOf(admission.verify(hello, challenge.nonce))).toBe('BadSignature')
  })

  test('refuses a hello whose signing key was exchanged after it was signed', async () => {
    const admission = await Admission.open(new MemoryPort())
    const challenge = admission.challenge()
    const hello = await signedHello(keys, challenge, { signingKey: 'did:key:zDnaeTiq1PdzvZXUaMdezchcMJQpBdH2VN4pgrrEhMCCbmwSb' })
    expect(await codeOf(admission.verify(hello, challenge.nonce))).toBe('BadSignature')
  })

  test.each([
    ['a did:web of another host', { did: 'did:web:evil.example' }, 'HostMismatch'],
    ['a DID method that no relay knows', { did: 'did:key:z6Mk' }, 'BadHello'],
    ['a handle that is none', { handle: 'not a handle' }, 'BadHello'],
    ['a signature of the wrong length', { sig: 'AAAA' }, 'BadHello'],
    ['a signature that is no base64url', { sig: '!!!' }, 'BadHello'],
    ['a key that is no point of the curve', { uplinkKey: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } } as const, 'BadHello'],
  ])('refuses %s', async (_, changes, error) => {
    const admission = await Admission.open(new MemoryPort())
    const challenge = admission.challenge()
    expect(await codeOf(admission.verify(await signedHello(keys, challenge, changes), challenge.nonce))).toBe(error)
  })

  test('compares did:web with the host, port included', async () => {
    const admission = await Admission.open(new MemoryPort({ host: 'localhost:1999' }))
    const challenge = admission.challenge()
    await admission.verify(await signedHello(keys, challenge, { did: 'did:web:localhost%3A1999' }), challenge.nonce)
    const other = await signedHello(keys, challenge, { did: 'did:web:localhost' })
    expect(await codeOf(admission.verify(other, challenge.nonce))).toBe('HostMismatch')
  })
})

describe('admit', () => {
  test('binds a free room to the first key under the policy open, and lets it in again', async () => {
    const port = new MemoryPort()
    const admission = await Admission.open(port)
    const hello = await signedHello(keys, admission.challenge())
    await admit(admission, hello)
    await admit(admission, hello)
    expect((await Admission.open(port)).binding).toMatchObject({ did: 'did:web:pod.example', handle: 'alice.test' })
  })

  test('refuses a second claimer, after a restart and with the right token too', async () => {
    const port = new MemoryPort({ settings: { policy: 'token', claimToken: TOKEN } })
    const admission = await Admission.open(port)
    await admit(admission, await signedHello(keys, admission.challenge(), { claim: TOKEN }))
    const second = await signedHello(await newKeys(), admission.challenge(), { claim: TOKEN })
    expect(await codeOf(admit(await Admission.open(port), second))).toBe('NotYours')
  })

  test('refuses the bound key under another DID', async () => {
    const admission = await Admission.open(new MemoryPort())
    await admit(admission, await signedHello(keys, admission.challenge()))
    const moved = await signedHello(keys, admission.challenge(), { did: 'did:plc:abcdefghijklmnopqrstuvwx' })
    expect(await codeOf(admit(admission, moved))).toBe('DidMismatch')
  })

  test.each([
    ['token', undefined, 'ClaimRequired'],
    ['token', 'a-token-of-many-characterS', 'ClaimRefused'],
    ['token', '', 'ClaimRefused'],
    ['closed', TOKEN, 'RoomClosed'],
  ] as const)('under the policy %s a claim of %s is %s, and binds nothing', async (policy, claim, error) => {
    const port = new MemoryPort({ settings: { policy, claimToken: TOKEN } })
    const admission = await Admission.open(port)
    const hello = await signedHello(keys, admission.challenge(), claim === undefined ? {} : { claim })
    expect(await codeOf(admit(admission, hello))).toBe(error)
    expect(port.storage.writes).toBe(0)
  })

  test('needs the token only once: the bound key comes back without it', async () => {
    const admission = await Admission.open(new MemoryPort({ settings: { policy: 'token', claimToken: TOKEN } }))
    await admit(admission, await signedHello(keys, admission.challenge(), { claim: TOKEN }))
    await admit(admission, await signedHello(keys, admission.challenge()))
  })
})
