import { didDocument as didDocumentSchema, getDid, getHandle, getKey, getPds } from '@atproto/identity'
import { ensureValidDid } from '@atproto/syntax'
import { expect, test } from 'vitest'
import { didDocument, originToDidWeb } from './did-document.ts'
import { makeKeys } from './key-vault.ts'

test('the document says the same to every reader of the reference libraries', async () => {
  const { signingDidKey } = await makeKeys()
  const identity = { did: 'did:web:localhost%3A1999', handle: 'alice.test', origin: 'http://localhost:1999' }
  const document = JSON.parse(JSON.stringify(didDocument(identity, signingDidKey)))
  expect(didDocumentSchema.safeParse(document).success).toBe(true)
  expect(getDid(document)).toBe(identity.did)
  expect(getHandle(document)).toBe('alice.test')
  expect(getPds(document)).toBe('http://localhost:1999')
  expect(getKey(document)).toBe(signingDidKey)
})

test.each([
  ['http://localhost:1999', 'did:web:localhost%3A1999'],
  ['https://alice.example.com', 'did:web:alice.example.com'],
])('%s is %s', (origin, did) => {
  expect(originToDidWeb(origin)).toBe(did)
  expect(() => ensureValidDid(did)).not.toThrow()
})
