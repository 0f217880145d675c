import { P256Keypair, Secp256k1Keypair } from '@atproto/crypto'
import { calculateJwkThumbprint } from 'jose'
import { base64url } from 'multiformats/bases/base64'
import { beforeEach, describe, expect, test } from 'vitest'
import { recoveryMessage } from '../wire/frames.ts'
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
const admit = async (admission: Admission, hello: Hello, { nonce = '', hasRepo = false } = {}): Promise<void> =>
  admission.bind(await admission.judge(hello, { nonce, hasRepo }))

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
    ['a pod without an account that names another host', { did: 'did:web:evil.example', standing: 'vacant' } as const, 'HostMismatch'],
    ['a did:web that is no host', { did: 'did:web:evil.example:path' }, 'BadHello'],
    ['a recovery key that is no key', { recoveryKey: 'did:key:zDnae' }, 'BadHello'],
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

  test('knows the did:web of its own host, port included, and asks nobody for it', async () => {
    const admission = await Admission.open(new MemoryPort({ host: 'localhost:1999' }))
    const challenge = admission.challenge()
    const own = await signedHello(keys, challenge, { did: 'did:web:localhost%3A1999' })
    await admission.verify(own, challenge.nonce)
    await admission.identify(own, { nonce: challenge.nonce, hasRepo: false })
    const other = await signedHello(keys, challenge, { did: 'did:web:localhost' })
    expect(await codeOf(admission.identify(other, { nonce: challenge.nonce, hasRepo: false }))).toBe('InsecureUrl')
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

  test('lets the bound key change its DID until something is mirrored', async () => {
    const port = new MemoryPort()
    const admission = await Admission.open(port)
    await admit(admission, await signedHello(keys, admission.challenge(), { standing: 'vacant' }))
    const moved = await signedHello(keys, admission.challenge(), { did: 'did:plc:abcdefghijklmnopqrstuvwx', standing: 'arriving' })
    expect(await codeOf(admit(admission, moved, { hasRepo: true }))).toBe('DidMismatch')
    await admit(admission, moved)
    expect((await Admission.open(port)).binding).toMatchObject({ did: 'did:plc:abcdefghijklmnopqrstuvwx', standing: 'arriving' })
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

describe('recovery', () => {
  const DID = 'did:web:pod.example'
  let recovery: P256Keypair
  let admission: Admission
  beforeEach(async () => {
    recovery = await P256Keypair.create()
    admission = await Admission.open(new MemoryPort())
    await admit(admission, await signedHello(keys, admission.challenge(), { recoveryKey: recovery.did() }))
  })

  /** What a restored pod says, with a key of its own. */
  const recovered = async (by: P256Keypair, { host = 'pod.example', nonce = 'fresh', did = DID, as = keys } = {}): Promise<Hello> => {
    const message = recoveryMessage({ host, nonce, did, uplinkKey: await calculateJwkThumbprint(as.jwk) })
    return signedHello(as, { host, nonce }, { did, recovery: base64url.baseEncode(await by.sign(message)) })
  }
  const refused = async (hello: Hello) => codeOf(admit(admission, hello, { nonce: 'fresh' }))

  test('turns the room to the new key, which the old one has no part in any more', async () => {
    const old = keys
    const fresh = await newKeys()
    await admit(admission, await recovered(recovery, { as: fresh }), { nonce: 'fresh', hasRepo: true })
    expect(admission.binding).toMatchObject({ uplinkKey: await calculateJwkThumbprint(fresh.jwk), recoveryKey: recovery.did() })
    expect(await refused(await signedHello(old, admission.challenge()))).toBe('RestoredElsewhere')
    expect(await refused(await signedHello(await newKeys(), admission.challenge()))).toBe('NotYours')
    // The restored one is known from now on, and the old one stays put out.
    await admit(admission, await signedHello(fresh, admission.challenge()), { nonce: 'fresh', hasRepo: true })
    expect(await refused(await signedHello(old, admission.challenge()))).toBe('RestoredElsewhere')
  })

  test.each([
    ['another key', async () => recovered(await P256Keypair.create(), { as: await newKeys() }), 'BadSignature'],
    ['the key, for another connection', async () => recovered(recovery, { as: await newKeys(), nonce: 'stale' }), 'BadSignature'],
    ['the key, for another host', async () => recovered(recovery, { as: await newKeys(), host: 'other.example' }), 'BadSignature'],
    ['the key, for another DID', async () => recovered(recovery, { as: await newKeys(), did: 'did:web:other.example' }), 'DidMismatch'],
    [
      'the key, for the uplink key of somebody else',
      async () => ({ ...(await recovered(recovery, { as: await newKeys() })), uplinkKey: (await newKeys()).jwk }),
      'BadSignature',
    ],
    [
      'the key, for a DID that was exchanged afterwards',
      async () => ({ ...(await recovered(recovery, { as: await newKeys(), did: 'did:web:other.example' })), did: DID }),
      'BadSignature',
    ],
    ['what is no signature', async () => ({ ...(await recovered(recovery, { as: await newKeys() })), recovery: 'AAAA' }), 'BadHello'],
    ['nobody', async () => signedHello(await newKeys(), admission.challenge()), 'NotYours'],
  ])('signed by %s is refused', async (_, hello, error) => {
    const before = admission.binding
    expect(await refused(await hello())).toBe(error)
    expect(admission.binding).toEqual(before)
  })

  test('is of no use where no recovery key was ever named', async () => {
    admission = await Admission.open(new MemoryPort())
    await admit(admission, await signedHello(keys, admission.challenge()))
    expect(await refused(await recovered(recovery, { as: await newKeys() }))).toBe('NotYours')
  })

  test('knows the newest key that its own pod named, and keeps it when the pod says nothing of it', async () => {
    const newer = await P256Keypair.create()
    await admit(admission, await signedHello(keys, admission.challenge(), { recoveryKey: newer.did() }))
    await admit(admission, await signedHello(keys, admission.challenge()))
    expect(admission.binding?.recoveryKey).toBe(newer.did())
    expect(await refused(await recovered(recovery, { as: await newKeys() }))).toBe('BadSignature')
  })

  test('cannot be had by a stranger who names a key of his own', async () => {
    const hello = await recovered(await P256Keypair.create(), { as: await newKeys() })
    const own = await P256Keypair.create()
    expect(await refused({ ...hello, recoveryKey: own.did() })).toBe('BadSignature')
    expect(admission.binding?.recoveryKey).toBe(recovery.did())
  })

  test('takes keys of P-256 alone', async () => {
    const { nonce } = admission.challenge()
    const k256 = (await Secp256k1Keypair.create()).did()
    expect(await codeOf(admission.verify(await signedHello(keys, { host: 'pod.example', nonce }, { recoveryKey: k256 }), nonce))).toBe(
      'BadHello',
    )
  })
})
