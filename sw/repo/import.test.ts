import { parseCid } from '@atproto/lex-data'
import { blocksToCarFile, BlockMap, verifyProofs, verifyRepoCar } from '@atproto/repo'
import { describe, expect, it } from 'vitest'
import { openStore } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import { bytesOf, commitOf, create, DID, invert, makeRepo, NOTE, put, remove } from './fixtures.ts'
import { elsewhere, notes, OTHER, streamOf } from './import-fixtures.ts'
import { Repo } from './repo.ts'

describe('an import', () => {
  it('puts the repo in place of the one that is there, in whatever order its blocks come', async () => {
    const { repo, store, vault } = await makeRepo()
    await repo.write([create('old', 'old')])
    const before = repo.head()
    const { key, repo: theirs, blocks } = await elsewhere(notes(500))
    const shuffled = new BlockMap()
    for (const { cid, bytes } of blocks.entries().toSorted((a, b) => (String(a.cid) < String(b.cid) ? -1 : 1))) shuffled.set(cid, bytes)
    const seen: number[] = []
    const imported = await repo.import(streamOf(await blocksToCarFile(theirs.cid, shuffled)), {
      signingKey: key.did(),
      onProgress: ({ records }) => seen.push(records),
    })
    expect(imported).toEqual({ rev: repo.head().rev, records: 500 })
    expect(seen.at(-1)).toBe(500)
    expect(imported.rev > before.rev && imported.rev > theirs.commit.rev).toBe(true)
    expect(repo.head().data).toBe(String(theirs.commit.data))
    expect(await repo.record(NOTE, 'old')).toBeNull()
    expect((await repo.record(NOTE, 'k000123'))?.value).toEqual({ $type: NOTE, text: 'note number 123' })
    expect(await repo.collections()).toEqual([
      { name: NOTE, count: 450 },
      { name: OTHER, count: 50 },
    ])
    const { creates } = await verifyRepoCar(await bytesOf(repo.car()), DID, vault.signingDidKey)
    expect(creates).toHaveLength(500)
    const tree = await theirs.data.allNodes()
    expect(await repo.blockCounts()).toEqual({ blocks: tree.filter((entry) => entry.isTree()).length + 501, records: 500 })
    expect(repo.imported()?.rev).toBe(imported.rev)
    expect(await store.count('staged')).toBe(0)
    expect(await readPod(store, 'importing')).toBeUndefined()
    expect(await repo.eventsAfter(0, 10)).toEqual([])
  })

  it('is the ground of later commits, also for a worker that starts anew', async () => {
    const { repo, store, vault, name } = await makeRepo()
    const { car } = await elsewhere(notes(300))
    await repo.import(streamOf(car))
    const root = repo.head()
    await repo.write([create('zz', 'new'), put('k000001', 'changed'), remove('k000002')])
    const reopened = await Repo.open(store, vault)
    await reopened.write([remove('k000003'), put('k000001', 'again'), create('k000002', 'back')])
    const events = (await reopened.eventsAfter(0, 10)).map(commitOf)
    expect(events.map(({ since }) => since)).toEqual([root.rev, events[0]!.rev])
    for (const event of events) expect((await invert(event)).prevData).toBe(String(event.prevData))
    await reopened.close()
    const last = await Repo.open(await openStore(name), vault)
    expect(last.head()).toEqual(reopened.head())
    const { creates } = await verifyRepoCar(await bytesOf(last.car()), DID, vault.signingDidKey)
    expect(creates).toHaveLength(300)
    expect((await last.collections()).map(({ count }) => count)).toEqual([270, 30])
    expect((await last.blockCounts()).records).toBe(300)
    const proofs = await verifyProofs(
      await last.proof(NOTE, 'k000001'),
      [
        { collection: NOTE, rkey: 'k000001', cid: parseCid((await last.record(NOTE, 'k000001'))!.cid) },
        { collection: NOTE, rkey: 'k000003', cid: null },
      ].slice(0, 1),
      DID,
      vault.signingDidKey,
    )
    expect(proofs.unverified).toEqual([])
    const since = await verifyRepoCar(await bytesOf(last.car()), DID, vault.signingDidKey)
    expect(String(since.commit.cid)).toBe(last.head().commit)
  })

  it('lists imported and later records as one, in both directions, page by page', async () => {
    const { repo } = await makeRepo()
    const { car } = await elsewhere(notes(400))
    await repo.import(streamOf(car))
    const added = Array.from({ length: 90 }, (_, at) => `k${String(at * 5).padStart(6, '0')}x`)
    await repo.write(added.map((rkey) => create(rkey, 'later')))
    const removed = Array.from({ length: 70 }, (_, at) => `k${String(101 + at).padStart(6, '0')}`).filter((rkey) => !rkey.endsWith('0'))
    await repo.write([...removed.map((rkey) => remove(rkey)), put('k000001', 'changed')])
    const expected = [...notes(400).flatMap(([path]) => (path.startsWith(NOTE) ? [path.split('/')[1]!] : [])), ...added]
      .filter((rkey) => !removed.includes(rkey))
      .toSorted()
    for (const reverse of [true, false]) {
      for (const limit of [7, 100]) {
        const keys: string[] = []
        for (let cursor: string | undefined; ;) {
          const page = await repo.list({ collection: NOTE, limit, reverse, ...(cursor !== undefined && { cursor }) })
          keys.push(...page.records.map(({ uri }) => uri.split('/').at(-1)!))
          cursor = page.cursor
          if (cursor === undefined || page.records.length < limit) break
        }
        expect(keys).toEqual(reverse ? expected : expected.toReversed())
      }
    }
  })

  it('of an empty repo, over an imported one, leaves nothing of it', async () => {
    const { repo, store } = await makeRepo()
    await repo.import(streamOf((await elsewhere(notes(200))).car))
    await repo.write([put('k000001', 'changed')])
    await repo.import(streamOf((await elsewhere([])).car))
    expect(repo.isEmpty()).toBe(true)
    expect(await repo.blockCounts()).toEqual({ blocks: 2, records: 0 })
    expect(await store.count('recordPacks')).toBe(0)
    expect(await store.count('records')).toBe(0)
  })

  it('signs with a newer rev even when the clock was set back', async () => {
    let now = Date.now()
    const { repo } = await makeRepo({ now: () => now })
    const { car, repo: theirs } = await elsewhere(notes(3))
    now -= 3_600_000
    const { rev } = await repo.import(streamOf(car))
    expect(rev > theirs.commit.rev).toBe(true)
    now -= 3_600_000
    const again = await repo.import(streamOf(car))
    expect(again.rev > rev).toBe(true)
    const { commit } = await repo.write([create('a', 'a')])
    expect(commit!.rev > again.rev).toBe(true)
  })

  it('stages on disk what memory should not hold', { timeout: 30_000 }, async () => {
    const { repo, vault } = await makeRepo()
    const big = Array.from({ length: 60 }, (_, at) => [`${NOTE}/k${at}`, { $type: NOTE, text: `${at} `.repeat(200_000) }] as const)
    const { car } = await elsewhere(big)
    expect(car.length).toBeGreaterThan(30_000_000)
    await repo.import(streamOf(car, 1_000_000))
    const { creates } = await verifyRepoCar(await bytesOf(repo.car()), DID, vault.signingDidKey)
    expect(creates).toHaveLength(60)
  })

  it('keeps announcements in line and drops commits that were never sent', async () => {
    const { repo } = await makeRepo()
    await repo.write([create('a', 'a')])
    await repo.announce({ kind: 'account', active: false, status: 'deactivated' })
    const importing = repo.import(streamOf((await elsewhere(notes(20))).car, 50))
    const number = await repo.announce({ kind: 'identity', handle: 'alice.example' })
    await importing
    expect((await repo.eventsAfter(0, 10)).map(({ event, kind }) => [event, kind])).toEqual([
      [3, 'account'],
      [number, 'identity'],
    ])
    expect(await repo.announce({ kind: 'sync' })).toBe(number + 1)
  })

  it('refuses a second one, and writes, until it is done', async () => {
    const { repo } = await makeRepo()
    const { car } = await elsewhere(notes(50))
    const first = repo.import(streamOf(car, 100))
    await expect(repo.import(streamOf(car))).rejects.toMatchObject({ status: 409, error: 'ImportUnderWay' })
    await expect(repo.write([create('a', 'a')])).rejects.toMatchObject({ status: 409, error: 'ImportUnderWay' })
    await first
    await repo.write([create('a', 'a')])
    expect((await repo.blockCounts()).records).toBe(51)
  })
})
