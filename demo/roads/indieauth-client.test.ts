import { expect, test } from 'vitest'
import { confirm, fetchMetadata, findMetadata, identityIn } from './indieauth-client.ts'

const ME = 'https://alice.example/'
const METADATA = 'https://alice.example/indieauth/metadata'

/** The web as it is in one test: answers by address. */
const web =
  (pages: Readonly<Record<string, () => Response>>): typeof globalThis.fetch =>
  (input) =>
    Promise.resolve(pages[String(input)]?.() ?? new Response('no such page', { status: 404 }))

const linking = (link: string) => web({ [ME]: () => new Response('<!doctype html>', { headers: { link } }) })

test.each([
  ['alone', '<https://alice.example/indieauth/metadata>; rel="indieauth-metadata"'],
  ['relative, and without quotes', '</indieauth/metadata>; rel=indieauth-metadata'],
  ['among others', '</style.css>; rel=preload; as="style", </indieauth/metadata>; rel="me indieauth-metadata", </x>; rel=other'],
  ['with a comma in its address', '</a,b>; rel="next", </indieauth/metadata>; title="x, y"; rel="indieauth-metadata"'],
])('the metadata is found in the Link header: %s', async (_, link) => {
  expect(await findMetadata(ME, linking(link))).toBe(METADATA)
})

test('an address without such a link announces nobody', async () => {
  expect(await findMetadata(ME, linking('</indieauth/metadata>; rel="not-indieauth-metadata"'))).toBeNull()
  expect(await findMetadata(ME, web({ [ME]: () => new Response('<!doctype html>') }))).toBeNull()
})

test('an address that does not answer is an error, not nobody', async () => {
  await expect(findMetadata(ME, web({}))).rejects.toThrow(`${ME} answered 404.`)
})

const metadata = (change: object = {}) => ({
  issuer: 'https://alice.example/indieauth',
  authorization_endpoint: 'https://alice.example/indieauth/authorize',
  token_endpoint: 'https://alice.example/indieauth/token',
  ...change,
})
const serving = (body: object) => web({ [METADATA]: () => Response.json(body) })

test('metadata is taken from an issuer that may have said it', async () => {
  expect(await fetchMetadata(METADATA, serving(metadata()))).toEqual(metadata())
})

test.each([
  ['another issuer', { issuer: 'https://mallory.example' }, 'is no prefix of'],
  ['no token endpoint', { token_endpoint: undefined }, 'lacks an endpoint'],
])('metadata with %s is refused', async (_, change, message) => {
  await expect(fetchMetadata(METADATA, serving(metadata(change)))).rejects.toThrow(message)
})

test('somebody whose own address announces the server is believed', async () => {
  expect(await confirm(ME, METADATA, linking('</indieauth/metadata>; rel="indieauth-metadata"'))).toBe(METADATA)
})

test('a server that speaks for an address which announces another one, or none, is not believed', async () => {
  await expect(confirm(ME, 'https://mallory.example/metadata', linking('</indieauth/metadata>; rel="indieauth-metadata"'))).rejects.toThrow(
    'announces https://alice.example/indieauth/metadata, but',
  )
  await expect(confirm(ME, METADATA, web({ [ME]: () => new Response('<!doctype html>') }))).rejects.toThrow('announces no server')
})

test('of an answer only what is text is taken, and without "me" it names nobody', () => {
  expect(identityIn({ me: 'https://alice.example', profile: { name: 'Alice', photo: 7, more: 'x' }, access_token: 't' })).toEqual({
    me: ME,
    profile: { name: 'Alice' },
    accessToken: 't',
  })
  expect(() => identityIn({ profile: { name: 'Alice' } })).toThrow('names nobody')
})
