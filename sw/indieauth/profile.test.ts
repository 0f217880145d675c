import { parseCid } from '@atproto/lex-data'
import { mf2 } from 'microformats-parser'
import { CID } from 'multiformats/cid'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeEvent } from '../../wire/event.ts'
import { AVATAR_PATH, INDIEAUTH, pictureIn, PROFILE_PATH } from '../../wire/indieauth.ts'
import { MAX_DOCUMENT_CHARS } from '../../wire/limits.ts'
import { DID, ORIGIN } from '../oauth/testing.ts'
import { ME, type SitesStage, stageSites } from './testing.ts'

/** What of it the worker uses. The "picture" is the letter itself. */
class LetterCanvas {
  #letter = ''
  getContext() {
    const measureText = () => ({ actualBoundingBoxAscent: 1, actualBoundingBoxDescent: 0 })
    return { fillRect: () => {}, measureText, fillText: (letter: string) => void (this.#letter = letter) }
  }
  convertToBlob() {
    return Promise.resolve(new Blob([this.#letter]))
  }
}

let set: SitesStage
afterEach(() => void vi.unstubAllGlobals())
beforeEach(async () => {
  vi.stubGlobal('OffscreenCanvas', LetterCanvas)
  set = await stageSites()
})

const get = async (path: string): Promise<{ status: number; text: string; headers: Headers }> => {
  const response = (await set.indieauth.answer(path, new Request(ORIGIN + path), 'shim'))!
  return { status: response.status, text: await response.text(), headers: response.headers }
}
const HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
const PICTURE = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku'
const picture = (mime: string) => {
  const bytes = new Blob(['bytes'], { type: mime })
  set.blobs.set(PICTURE, { cid: PICTURE, mime, size: bytes.size, bytes, rev: 'r' })
  set.profile.record = { avatar: { $type: 'blob', ref: parseCid(PICTURE), mimeType: 'image/png', size: 5 } }
}

describe('the profile page', () => {
  test('is an h-card that a parser of others reads', async () => {
    set.profile.record = {
      displayName: 'Alice Example',
      description: 'Two lines,\nno more.',
      pronouns: 'she/her',
      website: 'https://alice.example/blog',
    }
    const { text } = await get(PROFILE_PATH)
    const { items, rels } = mf2(text, { baseUrl: ORIGIN + PROFILE_PATH })
    expect(items).toHaveLength(1)
    expect(items[0]?.type).toEqual(['h-card'])
    expect(items[0]?.properties).toMatchObject({
      name: ['Alice Example'],
      nickname: ['alice.test'],
      note: ['Two lines,\nno more.'],
      uid: [ME],
      url: [ME, 'https://alice.example/blog', `https://bsky.app/profile/${DID}`],
    })
    expect(items[0]?.properties['photo']).toEqual([`${ORIGIN}/avatar`])
    expect(rels).toMatchObject({
      me: [ME, 'https://alice.example/blog', `https://bsky.app/profile/${DID}`],
      'indieauth-metadata': [ORIGIN + INDIEAUTH.metadata],
      authorization_endpoint: [ORIGIN + INDIEAUTH.authorize],
      token_endpoint: [ORIGIN + INDIEAUTH.token],
    })
  })

  test('says the same in its headers, to scripts of any origin, and runs nothing', async () => {
    const { headers } = await get(PROFILE_PATH)
    expect(headers.get('link')).toContain('</indieauth/metadata>; rel="indieauth-metadata"')
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-expose-headers')).toBe('Link')
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:;/)
  })

  test('shows what the record says as text, and no link that is none', async () => {
    set.profile.record = { displayName: HOSTILE, description: HOSTILE, pronouns: HOSTILE.slice(0, 20), website: 'javascript:alert(1)' }
    const { text } = await get(PROFILE_PATH)
    expect(text).not.toContain('<script')
    expect(text).not.toContain('<img src=x')
    expect(text).not.toContain('javascript:')
  })

  test('does without a record, and without what is no profile', async () => {
    expect((await get(PROFILE_PATH)).text).toContain('<h1 class="p-name p-nickname">alice.test</h1>')
    set.profile.record = { displayName: 7 }
    expect((await get(PROFILE_PATH)).text).toContain('<h1 class="p-name p-nickname">alice.test</h1>')
  })
})

describe('the picture', () => {
  test('is that of the profile, for any site to show', async () => {
    picture('image/png')
    const { status, text, headers } = await get(AVATAR_PATH)
    expect([status, text, headers.get('content-type')]).toEqual([200, 'bytes', 'image/png'])
    expect(headers.get('cross-origin-resource-policy')).toBe('cross-origin')
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect((await set.indieauth.ownDocuments())[AVATAR_PATH]).toBe(PICTURE)
  })

  test.each(['text/html', 'image/svg+xml', 'application/pdf'])('is none of the kind %s, which could run something', async (mime) => {
    picture(mime)
    const { text, headers } = await get(AVATAR_PATH)
    expect([text, headers.get('content-type')]).toEqual(['A', 'image/png'])
    expect(headers.get('content-security-policy')).toContain('sandbox')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })

  test('is made up where there is none, from the first letter of the name, and is left with the room as it is', async () => {
    set.profile.record = { displayName: 'émile' }
    expect((await get(AVATAR_PATH)).text).toBe('É')
    const document = (await set.indieauth.ownDocuments())[AVATAR_PATH] ?? ''
    expect(new TextDecoder().decode(pictureIn(document)!)).toBe('É')
  })

  test('is none where the platform paints none', async () => {
    vi.unstubAllGlobals()
    await expect(get(AVATAR_PATH)).rejects.toMatchObject({ status: 404 })
    expect(await set.indieauth.ownDocuments()).not.toHaveProperty([AVATAR_PATH])
  })
})

test('the mirror is told of the profile when it changes, and not of other commits', async () => {
  let told = 0
  set.indieauth.onDocuments(() => void told++)
  const cid = CID.parse(PICTURE)
  const commit = (path: string) =>
    set.landed({
      kind: 'commit',
      body: encodeEvent({
        kind: 'commit',
        repo: DID,
        commit: cid,
        rev: 'r',
        since: null,
        ops: [{ action: 'update', path, cid }],
        blocks: new Uint8Array(),
        blobs: [],
      }),
    })
  commit('app.bsky.feed.post/3l')
  commit('app.bsky.actor.profil/self')
  expect(told).toBe(0)
  commit('app.bsky.actor.profile/self')
  expect(told).toBe(1)
  set.landed({ kind: 'sync', body: new Uint8Array() })
  expect(told).toBe(2)
  set.profile.record = { displayName: 'Alice' }
  expect((await set.indieauth.ownDocuments())[PROFILE_PATH]).toContain('Alice')
})

test('a profile that is too long for the mirror stays with the tab, and the pod can join all the same', async () => {
  set.profile.record = { website: `https://a.example/${"'".repeat(20_000)}` }
  expect((await get(PROFILE_PATH)).text.length).toBeGreaterThan(MAX_DOCUMENT_CHARS)
  expect(Object.keys(await set.indieauth.ownDocuments())).toEqual([AVATAR_PATH])
})

test('an account that rests shows nothing', async () => {
  const resting = await stageSites('deactivated')
  expect(await resting.indieauth.ownDocuments()).toEqual({})
  for (const path of [PROFILE_PATH, AVATAR_PATH])
    await expect(resting.indieauth.answer(path, new Request(ORIGIN + path), 'shim')).rejects.toMatchObject({ status: 404 })
})

test('the metadata names every endpoint, at both of its addresses', () => {
  const { metadata } = set.indieauth
  const text = metadata[INDIEAUTH.metadata] ?? ''
  expect(metadata['/.well-known/oauth-authorization-server/indieauth']).toBe(text)
  const said = JSON.parse(text) as Record<string, unknown>
  expect((ORIGIN + INDIEAUTH.metadata).startsWith(String(said['issuer']))).toBe(true)
  expect(said).toMatchObject({
    issuer: `${ORIGIN}/indieauth`,
    authorization_endpoint: `${ORIGIN}/indieauth/authorize`,
    token_endpoint: `${ORIGIN}/indieauth/token`,
    introspection_endpoint: `${ORIGIN}/indieauth/introspect`,
    revocation_endpoint: `${ORIGIN}/indieauth/revoke`,
    userinfo_endpoint: `${ORIGIN}/indieauth/userinfo`,
    scopes_supported: ['profile', 'email'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  })
})
