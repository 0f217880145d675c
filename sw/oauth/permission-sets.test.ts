import 'fake-indexeddb/auto'
import type { LexiconData, LexiconStore } from '@atproto/oauth-provider/store'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_SET_LOOKUPS } from '../../wire/oauth-limits.ts'
import { PERMISSION_SET_MAX_AGE_MS, PERMISSION_SET_RETRY_MS } from '../../wire/limits.ts'
import { createPod, type Pod } from '../app.ts'
import { DidResolver } from '../identity/did-resolver.ts'
import { type Store, openStore } from '../store/open.ts'
import { agingLexiconStore, permissionSetResolver } from './permission-sets.ts'

const ORIGIN = 'https://lexicons.tabpod.dev'
const DID = 'did:web:lexicons.tabpod.dev'
const NAME = 'com.example.social.authBasic'
const set = {
  $type: 'com.atproto.lexicon.schema',
  lexicon: 1,
  id: NAME,
  defs: {
    main: {
      type: 'permission-set',
      title: 'Basic',
      'title:de': 'nicht verstanden',
      permissions: [
        { type: 'permission', resource: 'repo', collection: ['com.example.social.note'] },
        { type: 'permission', resource: 'rpc', inheritAud: true, lxm: ['com.example.social.getNotes'] },
      ],
    },
  },
}

/** The server that lexicons lie on is a pod, too. */
let store: Store
let host: Pod
let dns: Record<string, string[]>
let asked: string[]
let changeAnswer: (path: string, response: Response) => Response | Promise<Response>
beforeEach(async () => {
  store = await openStore(crypto.randomUUID())
  const fetch = () => Promise.reject(new TypeError('no network in tests'))
  host = await createPod(store, { handle: 'lexicons.tabpod.dev', password: 'correct horse', origin: ORIGIN }, { fetch })
  dns = { '_lexicon.social.example.com': [`did=${DID}`] }
  asked = []
  changeAnswer = (_path, response) => response
})
afterEach(async () => {
  await host.close()
  store.close()
})

const publish = (record: object, rkey = NAME) =>
  host.repo.write([{ action: 'put', collection: 'com.atproto.lexicon.schema', rkey, record: record as never }], { validate: false })

const network = async (url: string): Promise<Response> => {
  const { hostname, pathname, searchParams } = new URL(url)
  asked.push(hostname + pathname)
  if (hostname === 'cloudflare-dns.com') {
    const texts = dns[searchParams.get('name') ?? ''] ?? []
    return Response.json({ Status: 0, Answer: texts.map((text) => ({ name: 'x', type: 16, data: JSON.stringify(text) })) })
  }
  if (hostname !== 'lexicons.tabpod.dev') throw new TypeError(`no such host: ${hostname}`)
  return changeAnswer(pathname, await host.handle(new Request(url), { origin: 'shim' }))
}

const resolver = (isOwn = false) =>
  permissionSetResolver({
    fetch: network,
    dids: new DidResolver({ fetch: network, plc: () => 'https://plc.example', now: Date.now }),
    own: {
      is: (did) => isOwn && did === DID,
      proof: (collection, rkey) => host.repo.proof(collection, rkey),
      signingDidKey: host.vault.signingDidKey,
    },
  })
const resolve = (name = NAME, isOwn = false) => resolver(isOwn).get(name as never)

const UNRESOLVED = { name: 'LexResolverError' }

test('a permission set is found by DNS, DID and a record with its proof', async () => {
  await publish(set)
  expect(await resolve()).toMatchObject({ uri: `at://${DID}/com.atproto.lexicon.schema/${NAME}`, lexicon: { id: NAME, defs: set.defs } })
  expect(asked).toEqual([
    'cloudflare-dns.com/dns-query',
    'lexicons.tabpod.dev/.well-known/did.json',
    'lexicons.tabpod.dev/xrpc/com.atproto.sync.getRecord',
  ])
})

test('one on this same server is read without asking for it over the network', async () => {
  await publish(set)
  expect(await resolve(NAME, true)).toMatchObject({ lexicon: { id: NAME } })
  expect(asked).toEqual(['cloudflare-dns.com/dns-query'])
})

test('a request that names hundreds makes few look-ups, and the next one has its own', async () => {
  await publish(set)
  const sets = resolver()
  const found = await Promise.allSettled(Array.from({ length: 300 }, () => sets.get(NAME as never)))
  expect(found.filter(({ status }) => status === 'fulfilled')).toHaveLength(MAX_SET_LOOKUPS)
  for (const each of found) if (each.status === 'rejected') expect(each.reason).toMatchObject(UNRESOLVED)
  expect(asked.filter((address) => address.endsWith('/dns-query'))).toHaveLength(MAX_SET_LOOKUPS)
  expect(await sets.get(NAME as never)).toMatchObject({ lexicon: { id: NAME } })
})

describe('is not believed', () => {
  test.each([
    ['a namespace that names nobody', {}],
    ['a namespace that names two', { '_lexicon.social.example.com': [`did=${DID}`, 'did=did:web:evil.example'] }],
    ['the namespace above', { '_lexicon.example.com': [`did=${DID}`] }],
    ['the namespace below', { '_lexicon.authBasic.social.example.com': [`did=${DID}`] }],
    ['what is no DID', { '_lexicon.social.example.com': ['did=lexicons.tabpod.dev'] }],
  ])('%s', async (_, names) => {
    await publish(set)
    dns = names
    await expect(resolve()).rejects.toMatchObject(UNRESOLVED)
  })

  test.each([
    ['a document of another name', { ...set, id: 'com.example.social.authOther' }],
    [
      'a document that is no permission set',
      { ...set, defs: { main: { type: 'record', key: 'tid', record: { type: 'object', properties: {} } } } },
    ],
    ['a permission without a resource', { ...set, defs: { main: { ...set.defs.main, permissions: [{ type: 'permission' }] } } }],
    ['no document at all', { $type: 'com.atproto.lexicon.schema' }],
  ])('%s', async (_, record) => {
    await publish(record)
    await expect(resolve()).rejects.toMatchObject(UNRESOLVED)
  })

  test('a record that is not there', async () => {
    await expect(resolve()).rejects.toMatchObject(UNRESOLVED)
    await publish(set, 'com.example.social.authElse')
    await expect(resolve()).rejects.toMatchObject(UNRESOLVED)
  })

  test('a proof in which a byte was changed, anywhere', async () => {
    await publish(set)
    const whole = new Uint8Array(
      await (
        await network(
          `${ORIGIN}/xrpc/com.atproto.sync.getRecord?${new URLSearchParams({ did: DID, collection: 'com.atproto.lexicon.schema', rkey: NAME })}`,
        )
      ).arrayBuffer(),
    )
    for (let at = 60; at < whole.length; at += Math.ceil(whole.length / 40)) {
      changeAnswer = (path, response) => {
        if (!path.endsWith('getRecord')) return response
        const bytes = whole.slice()
        bytes[at] = bytes[at]! ^ 1
        return new Response(bytes)
      }
      await expect(resolve(), `byte ${at} of ${whole.length}`).rejects.toMatchObject(UNRESOLVED)
    }
  })

  test('a repo that another key has signed', async () => {
    await publish(set)
    const other = await openStore(crypto.randomUUID())
    const stranger = await createPod(
      other,
      { handle: 'lexicons.tabpod.dev', password: 'correct horse', origin: ORIGIN },
      { fetch: network },
    )
    await stranger.repo.write([{ action: 'put', collection: 'com.atproto.lexicon.schema', rkey: NAME, record: set as never }], {
      validate: false,
    })
    changeAnswer = async (path, response) =>
      path.endsWith('getRecord') ? new Response((await stranger.repo.proof('com.atproto.lexicon.schema', NAME)) as never) : response
    await expect(resolve()).rejects.toMatchObject(UNRESOLVED)
    await stranger.close()
    other.close()
  })

  test('an answer that never ends, nor a redirect', async () => {
    changeAnswer = (path, response) =>
      path.endsWith('getRecord')
        ? new Response(new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64 * 1024)) }))
        : response
    await expect(resolve()).rejects.toMatchObject(UNRESOLVED)
    changeAnswer = (path, response) =>
      path.endsWith('getRecord') ? new Response(null, { status: 302, headers: { location: '/' } }) : response
    await expect(resolve()).rejects.toMatchObject(UNRESOLVED)
  })
})

describe('what is remembered', () => {
  const DAY_MS = 24 * 60 * 60 * 1000
  const START = Date.parse('2026-11-21T12:00:00Z')
  const remembered = (data: Partial<LexiconData>, now: number) => {
    const rows = new Map<string, LexiconData>([
      [
        NAME,
        {
          createdAt: new Date(START),
          updatedAt: new Date(START),
          lastSucceededAt: new Date(START),
          uri: 'at://x',
          lexicon: {} as never,
          ...data,
        },
      ],
    ])
    const inner: LexiconStore = {
      findLexicon: (nsid) => rows.get(nsid) ?? null,
      storeLexicon: (nsid, row) => void rows.set(nsid, row),
      deleteLexicon: (nsid) => void rows.delete(nsid),
    }
    return agingLexiconStore(inner, () => now).findLexicon(NAME)
  }

  test('is as old as its answer, for the provider to judge', async () => {
    expect(await remembered({}, START + 2 * DAY_MS)).toMatchObject({ updatedAt: new Date(START), lexicon: {} })
  })

  test('is used on while its host does not answer, and the host is asked again after minutes, not days', async () => {
    const failed = { updatedAt: new Date(START + 2 * DAY_MS) }
    expect(await remembered(failed, START + 2 * DAY_MS + 1)).toMatchObject({ updatedAt: failed.updatedAt, lexicon: {} })
    const later = await remembered(failed, START + 2 * DAY_MS + PERMISSION_SET_RETRY_MS)
    expect(later).toMatchObject({ updatedAt: new Date(0), lexicon: {} })
  })

  test('ends after ninety days without an answer', async () => {
    const failed = { updatedAt: new Date(START + PERMISSION_SET_MAX_AGE_MS - 1) }
    expect(await remembered(failed, START + PERMISSION_SET_MAX_AGE_MS - 1)).toMatchObject({ lexicon: {} })
    expect(await remembered(failed, START + PERMISSION_SET_MAX_AGE_MS)).toMatchObject({ lexicon: null, uri: null })
    expect(await remembered({}, START + PERMISSION_SET_MAX_AGE_MS)).toMatchObject({ lexicon: null })
  })

  test('of one that was never found nothing is, beyond some minutes', async () => {
    const failed = { lastSucceededAt: null, lexicon: null, uri: null }
    expect(await remembered(failed, START + 1)).toMatchObject({ lexicon: null })
    expect(await remembered(failed, START + PERMISSION_SET_RETRY_MS)).toBeNull()
  })
})
