import 'fake-indexeddb/auto'
import { expect, it } from 'vitest'
import { MAX_OAUTH_DOCUMENTS } from '../../wire/oauth-limits.ts'
import { putOAuthDocument, readOAuthDocument } from './oauth-documents.ts'
import { openStore } from './open.ts'

it('keeps the newest documents of those that anybody can have fetched', async () => {
  const store = await openStore('oauth-documents-1')
  for (let at = 0; at <= MAX_OAUTH_DOCUMENTS; at++) await putOAuthDocument(store, { key: `client ${at}`, value: at, at })
  expect(await store.count('oauthDocuments')).toBeLessThanOrEqual(MAX_OAUTH_DOCUMENTS)
  expect(await readOAuthDocument(store, 'client 0')).toBeUndefined()
  expect(await readOAuthDocument(store, `client ${MAX_OAUTH_DOCUMENTS}`)).toMatchObject({ at: MAX_OAUTH_DOCUMENTS })
})

it('keeps a permission set, however many clients somebody makes up', async () => {
  const store = await openStore('oauth-documents-2')
  await putOAuthDocument(store, { key: 'lexicon com.example.set', value: 'kept', at: 0 })
  for (let at = 1; at <= MAX_OAUTH_DOCUMENTS + 1; at++) await putOAuthDocument(store, { key: `client ${at}`, value: at, at })
  expect(await readOAuthDocument(store, 'lexicon com.example.set')).toMatchObject({ value: 'kept' })
  expect(await store.count('oauthDocuments')).toBeLessThanOrEqual(MAX_OAUTH_DOCUMENTS + 1)
})
