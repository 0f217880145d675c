import { expect, test } from 'vitest'
import { clientAt, clientDocument } from './client.ts'

test('under https the site is called by the address of its document, in both protocols, and the document says so', () => {
  const { siteId, appId, redirectUri } = clientAt('https://site.example/demo/')
  expect([siteId, appId, redirectUri]).toEqual([
    'https://site.example/demo/client-metadata.json',
    'https://site.example/demo/client-metadata.json',
    'https://site.example/demo/',
  ])
  const { client_id: id, client_uri: uri, redirect_uris: redirects } = clientDocument('https://site.example/demo/')
  expect([id, uri, redirects]).toEqual([appId, 'https://site.example/demo/', [redirectUri]])
  // As IndieAuth wants it: the one is a beginning of the other.
  expect(id?.startsWith(uri ?? '-')).toBe(true)
})

test('on a machine of one’s own it is a page to IndieAuth, and a program to the AT Protocol', () => {
  const { siteId, appId } = clientAt('http://127.0.0.1:5180/')
  expect(siteId).toBe('http://127.0.0.1:5180/')
  expect(new URL(appId).hostname).toBe('localhost')
  expect(new URL(appId).searchParams.get('redirect_uri')).toBe('http://127.0.0.1:5180/')
})
