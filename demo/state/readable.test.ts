import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { jwtsIn } from './readable.ts'

test('of an answer the tokens that can be read are read, and nothing else', async () => {
  const token = await new SignJWT({ sub: 'did:web:alice.example' }).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32))
  expect(jwtsIn({ access_token: token, refresh_token: 'ref-0123', expires_in: 1500, scope: 'a.b.c' })).toEqual([
    ['access_token', { header: { alg: 'HS256' }, payload: { sub: 'did:web:alice.example' } }],
  ])
  expect(jwtsIn(token)).toEqual([])
  expect(jwtsIn(null)).toEqual([])
})
