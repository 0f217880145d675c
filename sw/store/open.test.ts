import 'fake-indexeddb/auto'
import { expect, it } from 'vitest'
import { HeadMoved, land } from './land.ts'
import { deleteStore, openStore } from './open.ts'
import { changePod, readPod, writePod } from './pod.ts'
import { copyAsVersion1, copyAsVersion3 } from './testing.ts'

it('keeps pod rows over a reopening, and CryptoKeys with them', async () => {
  const store = await openStore('open-1')
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign'])
  const pair = (await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])) as CryptoKeyPair
  await writePod(store, { keys: { signing: pair, signingDidKey: 'did:key:z', uplink: pair, session: key }, acknowledged: { event: 7 } })
  store.close()
  const again = await openStore('open-1')
  expect(await readPod(again, 'acknowledged')).toEqual({ event: 7 })
  expect((await readPod(again, 'keys'))!.session.extractable).toBe(false)
  expect(await readPod(again, 'identity')).toBeUndefined()
})

it('lets go of the database when someone wants to delete it', async () => {
  const store = await openStore('open-2')
  await writePod(store, { acknowledged: { event: 1 } })
  await deleteStore('open-2')
  expect(await readPod(await openStore('open-2'), 'acknowledged')).toBeUndefined()
})

it('counts up a row without losing a step to a neighbour', async () => {
  const store = await openStore('open-3')
  await Promise.all(Array.from({ length: 20 }, () => changePod(store, 'acknowledged', (row) => ({ event: (row?.event ?? 0) + 1 }))))
  expect(await readPod(store, 'acknowledged')).toEqual({ event: 20 })
})

it('lands all or nothing', async () => {
  const store = await openStore('open-4')
  const head = { commit: 'c1', rev: 'r1', data: 'd1', event: 1 }
  const record = { collection: 'a.b.c', rkey: 'k', cid: 'x', bytes: new Uint8Array(1), rev: 'r1' }
  const event = { event: 1, kind: 'commit' as const, at: 0, rev: 'r1', body: new Uint8Array(1) }
  const change = { collection: 'a.b.c', rkey: 'k', row: record, existed: false, blobs: ['never uploaded'] }
  await expect(land(store, { expected: null, packs: null, head, records: [change], events: [event], answers: [] })).rejects.toBeInstanceOf(
    HeadMoved,
  )
  expect(await store.count('records')).toBe(0)
  expect(await store.count('events')).toBe(0)
  const good = { expected: null, packs: null, head, records: [{ ...change, blobs: [] }], events: [event], answers: [] }
  await land(store, good)
  await expect(land(store, good)).rejects.toBeInstanceOf(HeadMoved)
  expect(await readPod(store, 'head')).toEqual(head)
})

it('gives a pod of the first version every store that a new one has', async () => {
  const first = await openStore('open-5-new')
  await writePod(first, { head: { commit: 'c', rev: 'r', data: 'd', event: 3 } })
  await copyAsVersion1(first, 'open-5')
  const upgraded = await openStore('open-5')
  expect(Array.from(upgraded.objectStoreNames)).toEqual(Array.from(first.objectStoreNames))
  for (const name of upgraded.objectStoreNames) {
    const [ours, made] = [upgraded.transaction(name).store, first.transaction(name).store]
    expect([name, ours.keyPath, Array.from(ours.indexNames)]).toEqual([name, made.keyPath, Array.from(made.indexNames)])
  }
})

it('leaves a pod of the third version all that it has, and gives it the stores of IndieAuth', async () => {
  const first = await openStore('open-6-new')
  const device = { id: 'dev-1', userAgent: null, address: null, createdAt: 1, lastSeenAt: 2 }
  await writePod(first, { head: { commit: 'c', rev: 'r', data: 'd', event: 3 } })
  await first.put('oauthDevices', device)
  await first.put('oauthLedger', { at: 1, what: 'sign-out', outcome: 'done' })
  await copyAsVersion3(first, 'open-6')
  const upgraded = await openStore('open-6')
  expect(Array.from(upgraded.objectStoreNames)).toEqual(Array.from(first.objectStoreNames))
  for (const name of ['sites', 'indieCodes', 'indieTokens'] as const) {
    const [ours, made] = [upgraded.transaction(name).store, first.transaction(name).store]
    expect([name, ours.keyPath, Array.from(ours.indexNames)]).toEqual([name, made.keyPath, Array.from(made.indexNames)])
  }
  expect(await readPod(upgraded, 'head')).toEqual(await readPod(first, 'head'))
  expect(await upgraded.getAll('oauthDevices')).toEqual([device])
  expect(await upgraded.count('oauthLedger')).toBe(1)
})
