import { parseDidKey, verifySignature } from '@atproto/crypto'
import { expect, test } from 'vitest'
import { lowS, makeKeys, openVault } from './key-vault.ts'

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const scalar = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

test('every signature is low-S and verifies by the did:key with a strict verifier', async () => {
  const vault = await openVault(await makeKeys())
  for (let i = 0; i < 32; i++) {
    const message = crypto.getRandomValues(new Uint8Array(100))
    const signature = await vault.sign(message)
    expect(signature).toHaveLength(64)
    expect(scalar(signature.subarray(32)) <= ORDER / 2n).toBe(true)
    expect(await verifySignature(vault.signingDidKey, message, signature)).toBe(true)
  }
})

test('a high S is mirrored, a low one left alone, and r never touched', () => {
  const signature = crypto.getRandomValues(new Uint8Array(64))
  const high = ORDER - 5n
  signature.set(Buffer.from(high.toString(16).padStart(64, '0'), 'hex'), 32)
  const r = signature.slice(0, 32)
  expect(scalar(lowS(signature).subarray(32))).toBe(5n)
  expect(scalar(lowS(signature).subarray(32))).toBe(5n)
  expect(signature.slice(0, 32)).toEqual(r)
})

test('private keys cannot be exported, and the did:key names a P-256 key', async () => {
  const keys = await makeKeys()
  for (const key of [keys.signing.privateKey, keys.uplink.privateKey, keys.session]) {
    expect(key.extractable).toBe(false)
    await expect(crypto.subtle.exportKey('jwk', key)).rejects.toThrow()
  }
  expect(parseDidKey(keys.signingDidKey).jwtAlg).toBe('ES256')
})

test('the uplink key signs what its public JWK verifies', async () => {
  const vault = await openVault(await makeKeys())
  const message = new TextEncoder().encode('join')
  const key = await crypto.subtle.importKey('jwk', vault.uplinkKey, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
  expect(await crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, await vault.signJoin(message), message)).toBe(true)
})
