import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from './proof-keys.ts'

test('a key that was seen is taken from memory, and another signature by it is verified all the same', async () => {
  const [one, other] = await Promise.all([generateKeyPair('ES256', { extractable: true }), generateKeyPair('ES256')])
  const jwk = await exportJWK(one.publicKey)
  const sign = (key: typeof one.privateKey) => new SignJWT({}).setProtectedHeader({ alg: 'ES256', jwk }).sign(key)
  await jwtVerify(await sign(one.privateKey), EmbeddedJWK)
  await expect(jwtVerify(await sign(other.privateKey), EmbeddedJWK)).rejects.toThrow('signature verification failed')
  await jwtVerify(await sign(one.privateKey), EmbeddedJWK)
  const header = { alg: 'ES256', jwk }
  expect(await EmbeddedJWK(header)).toBe(await EmbeddedJWK({ ...header }))
  expect(await EmbeddedJWK({ alg: 'ES256', jwk: await exportJWK(other.publicKey) })).not.toBe(await EmbeddedJWK(header))
  expect(await calculateJwkThumbprint(jwk, 'sha256')).not.toBe(await calculateJwkThumbprint(await exportJWK(other.publicKey), 'sha256'))
})

test('a private key stays refused', async () => {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const header = { alg: 'ES256', jwk: await exportJWK(privateKey) }
  await expect(EmbeddedJWK(header)).rejects.toThrow('public key')
  await expect(EmbeddedJWK(header)).rejects.toThrow('public key')
})
