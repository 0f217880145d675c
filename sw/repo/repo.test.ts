import { MemoryBlockstore, MST, readCarWithRoot, verifyProofs, verifyRepoCar } from '@atproto/repo'
import { parseCid } from '@atproto/lex-data'
import { expect, it } from 'vitest'
import { bytesOf, commitOf, create, DID, invert, makeRepo, NOTE, put, remove } from './fixtures.ts'
import { Repo } from './repo.ts'

it('begins as a signed empty repo, announced as event 1', async () => {
  const { repo, vault } = await makeRepo()
  const [first] = await repo.eventsAfter(0, 10)
  const event = commitOf(first!)
  expect(event).toMatchObject({ repo: DID, since: null, ops: [], blobs: [] })
  expect(event).not.toHaveProperty('prevData')
  const verified = await verifyRepoCar(await bytesOf(repo.car()), DID, vault.signingDidKey)
  expect(String(verified.commit.cid)).toBe(repo.head().commit)
})

it('makes the repo of another account in place of the one that is there', async () => {
  const { store, vault, repo } = await makeRepo()
  await repo.write([create('a', 'one')])
  await repo.announce({ kind: 'account', active: false, status: 'deactivated' })
  await repo.acknowledge(1)
  const other = await Repo.create(store, vault, 'did:web:other.example')
  expect(await other.collections()).toEqual([])
  expect(other.isEmpty()).toBe(true)
  expect(other.head().rev > repo.head().rev).toBe(true)
  const rows = await other.eventsAfter(0, 10)
  expect(rows.map(({ event, kind }) => ({ event, kind }))).toEqual([
    { event: 3, kind: 'account' },
    { event: 4, kind: 'commit' },
  ])
  await other.write([create('b', 'two')])
  const reopened = await Repo.create(store, vault, 'did:web:third.example').then(() => Repo.open(store, vault))
  expect(await reopened.blockCounts()).toEqual({ blocks: 2, records: 0 })
  expect(await store.count('records')).toBe(0)
})

it('makes one commit of one call, and its event undoes to the tree before', async () => {
  const { repo } = await makeRepo()
  const before = repo.head()
  const outcome = await repo.write([create('a', 'one'), create('b', 'two')])
  expect(outcome.results.map((result) => result.action)).toEqual(['create', 'create'])
  const [row] = await repo.eventsAfter(1, 10)
  const event = commitOf(row!)
  expect(event.ops.map((op) => op.path)).toEqual([`${NOTE}/a`, `${NOTE}/b`])
  expect(event.since).toBe(before.rev)
  expect(String(event.prevData)).toBe(before.data)
  expect((await invert(event)).prevData).toBe(before.data)
  expect(String(event.commit)).toBe(outcome.commit?.cid)
  const { root } = await readCarWithRoot(event.blocks)
  expect(String(root)).toBe(outcome.commit?.cid)
})

it('reads back what it wrote, newest key first unless asked otherwise', async () => {
  const { repo } = await makeRepo()
  await repo.write(['a', 'b', 'c', 'd'].map((key) => create(key, key)))
  await repo.write([create('x', 'other', 'com.example.other')])
  expect((await repo.record(NOTE, 'b'))?.value).toEqual({ $type: NOTE, text: 'b' })
  expect(await repo.record(NOTE, 'zz')).toBeNull()
  const keys = (page: { records: ReadonlyArray<{ uri: string }> }) => page.records.map(({ uri }) => uri.split('/').at(-1))
  const first = await repo.list({ collection: NOTE, limit: 2, reverse: false })
  expect(keys(first)).toEqual(['d', 'c'])
  expect(keys(await repo.list({ collection: NOTE, limit: 9, reverse: false, cursor: first.cursor! }))).toEqual(['b', 'a'])
  expect(keys(await repo.list({ collection: NOTE, limit: 9, reverse: true, cursor: 'b' }))).toEqual(['c', 'd'])
  expect(await repo.collections()).toEqual([
    { name: NOTE, count: 4 },
    { name: 'com.example.other', count: 1 },
  ])
})

it('chains 50 concurrent calls into 50 commits, each on the one before', async () => {
  const { repo, vault } = await makeRepo()
  const outcomes = await Promise.all(Array.from({ length: 50 }, (_, at) => repo.write([create(`k${at}`, `text ${at}`)])))
  const events = (await repo.eventsAfter(1, 100)).map(commitOf)
  expect(events).toHaveLength(50)
  expect(new Set(outcomes.map((outcome) => outcome.commit?.rev)).size).toBe(50)
  for (const [at, event] of events.entries()) {
    if (at > 0) expect(event.since).toBe(events[at - 1]!.rev)
    expect(event.rev > (event.since ?? '')).toBe(true)
    expect((await invert(event)).prevData).toBe(String(event.prevData))
  }
  expect((await verifyRepoCar(await bytesOf(repo.car()), DID, vault.signingDidKey)).creates).toHaveLength(50)
})

it('keeps revs growing when the clock goes back', async () => {
  let now = 1_800_000_000_000
  const { repo } = await makeRepo({ now: () => now })
  const first = await repo.write([create('a', 'a')])
  now -= 3_600_000
  const second = await repo.write([create('b', 'b')])
  expect(second.commit!.rev > first.commit!.rev).toBe(true)
})

it('makes no commit of a put that changes nothing or of deleting what is not there', async () => {
  const { repo } = await makeRepo()
  const first = await repo.write([put('a', 'same')])
  const again = await repo.write([put('a', 'same')])
  expect(again.commit).toBeNull()
  expect(again.results[0]).toMatchObject({ action: 'update', cid: (first.results[0] as { cid: string }).cid })
  expect((await repo.write([remove('nothing')])).commit).toBeNull()
  expect(repo.head().commit).toBe(first.commit?.cid)
})

it('refuses to create what is there and to update what is not', async () => {
  const { repo } = await makeRepo()
  await repo.write([create('a', 'a')])
  await expect(repo.write([create('a', 'b')])).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
  await expect(repo.write([{ ...put('zz', 'b'), action: 'update' }])).rejects.toMatchObject({ status: 400, error: 'InvalidRequest' })
})

it('compares swapCommit and swapRecord with what is there now', async () => {
  const { repo } = await makeRepo()
  const first = await repo.write([put('a', 'one')], { swapCommit: repo.head().commit })
  const { cid } = first.results[0] as { cid: string }
  const stale = { status: 400, error: 'InvalidSwap' }
  await repo.write([put('b', 'two')])
  await expect(repo.write([put('c', 'x')], { swapCommit: first.commit!.cid })).rejects.toMatchObject(stale)
  await expect(repo.write([{ ...put('a', 'x'), swapRecord: null }])).rejects.toMatchObject(stale)
  await expect(repo.write([{ ...put('zz', 'x'), swapRecord: cid }])).rejects.toMatchObject(stale)
  await expect(repo.write([{ ...remove('b'), swapRecord: cid }])).rejects.toMatchObject(stale)
  await repo.write([{ ...put('a', 'x'), swapRecord: cid }])
  await repo.write([{ ...put('new', 'x'), swapRecord: null }])
  await repo.write([{ ...remove('new'), swapRecord: ((await repo.record(NOTE, 'new')) ?? { cid: '' }).cid }])
  expect(await repo.record(NOTE, 'new')).toBeNull()
})

it('lets exactly one of many concurrent swaps of the same commit through', async () => {
  const { repo } = await makeRepo()
  const { commit } = repo.head()
  const settled = await Promise.allSettled(
    Array.from({ length: 8 }, (_, at) => repo.write([create(`k${at}`, 'x')], { swapCommit: commit })),
  )
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

it('fails one bad write of many concurrent ones and no other', async () => {
  const { repo } = await makeRepo()
  const settled = await Promise.allSettled([
    repo.write([create('a', 'a')]),
    repo.write([create('a', 'again')]),
    repo.write([{ action: 'create', collection: 'not an nsid', rkey: 'x', record: {} }]),
    repo.write([create('b', 'b')]),
  ])
  expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled'])
})

it('tells several writes of one record in one call as one op', async () => {
  const { repo } = await makeRepo()
  await repo.write([create('a', 'one')])
  await repo.write([remove('a'), create('a', 'two'), create('b', 'x'), remove('b')])
  const event = commitOf((await repo.eventsAfter(2, 1))[0]!)
  expect(event.ops).toMatchObject([{ action: 'update', path: `${NOTE}/a` }])
  expect((await invert(event)).prevData).toBe(String(event.prevData))
})

it('proves that a record is there, and that another is not', async () => {
  const { repo, vault } = await makeRepo()
  await repo.write(Array.from({ length: 60 }, (_, at) => create(`k${at}`, `text ${at}`)))
  const cid = parseCid((await repo.record(NOTE, 'k7'))!.cid)
  const there = await verifyProofs(await repo.proof(NOTE, 'k7'), [{ collection: NOTE, rkey: 'k7', cid }], DID, vault.signingDidKey)
  expect(there.verified).toHaveLength(1)
  const absent = await verifyProofs(
    await repo.proof(NOTE, 'nope'),
    [{ collection: NOTE, rkey: 'nope', cid: null }],
    DID,
    vault.signingDidKey,
  )
  expect(absent.verified).toHaveLength(1)
})

it('streams the commit first, then the tree in pre-order with its records between', async () => {
  const { repo } = await makeRepo()
  for (const name of ['app.foo.bar', 'app.foo.bar.baz', 'app.foo.bar-x.y']) {
    await repo.write(Array.from({ length: 20 }, (_, at) => create(`k${at}`, `${name} ${at}`, name)))
  }
  const { root, blocks } = await readCarWithRoot(await bytesOf(repo.car()))
  const order = blocks.entries().map(({ cid }) => String(cid))
  expect(order[0]).toBe(String(root))
  expect(order[1]).toBe(repo.head().data)
  const expected: string[] = []
  for await (const entry of MST.load(new MemoryBlockstore(blocks), parseCid(repo.head().data)).walk()) {
    expected.push(String(entry.isLeaf() ? entry.value : await entry.getPointer()))
  }
  expect(order.slice(1)).toEqual(expected)
})

it('finishes the export it began while everything is rewritten', async () => {
  const { repo, vault } = await makeRepo()
  await repo.write(Array.from({ length: 150 }, (_, at) => create(`k${at}`, `old ${at} ${'x'.repeat(3000)}`)))
  const { commit } = repo.head()
  const reader = repo.car().getReader()
  const first = await reader.read()
  for (let at = 0; at < 150; at += 50) {
    await repo.write(Array.from({ length: 50 }, (_, offset) => put(`k${at + offset}`, `new ${at + offset}`)))
  }
  const pieces = [first.value!]
  for (let read = await reader.read(); !read.done; read = await reader.read()) pieces.push(read.value)
  const verified = await verifyRepoCar(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()), DID, vault.signingDidKey)
  expect(String(verified.commit.cid)).toBe(commit)
  expect(verified.creates).toHaveLength(150)
})

it('exports only what is newer than a rev', async () => {
  const { repo } = await makeRepo()
  await repo.write(Array.from({ length: 100 }, (_, at) => create(`k${at}`, `text ${at}`)))
  const { rev, data } = repo.head()
  await repo.write([create('late', 'late')])
  const whole = (await readCarWithRoot(await bytesOf(repo.car()))).blocks
  const part = (await readCarWithRoot(await bytesOf(repo.car(rev)))).blocks
  expect(part.has(parseCid((await repo.record(NOTE, 'late'))!.cid))).toBe(true)
  expect(part.has(parseCid((await repo.record(NOTE, 'k3'))!.cid))).toBe(false)
  expect(part.has(parseCid(data))).toBe(false)
  expect(part.size).toBeLessThan(15)
  expect(whole.size).toBeGreaterThan(110)
  expect((await readCarWithRoot(await bytesOf(repo.car(repo.head().rev)))).blocks.size).toBe(0)
})

it('gives single blocks: commit, nodes and records, and says which it has not', async () => {
  const { repo } = await makeRepo()
  await repo.write([create('a', 'a')])
  const record = (await repo.record(NOTE, 'a'))!.cid
  const { blocks } = await readCarWithRoot(await repo.blocks([repo.head().commit, repo.head().data, record]))
  expect(blocks.size).toBe(3)
  const unknown = 'bafyreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454'
  await expect(repo.blocks([unknown])).rejects.toMatchObject({ status: 400, error: 'BlockNotFound' })
})

it('refuses writes while it is told to, and only then', async () => {
  const { repo } = await makeRepo()
  const { XrpcError } = await import('../../wire/errors.ts')
  repo.suspend(new XrpcError(503, 'RepoBehindMirror', 'behind'))
  await expect(repo.write([create('a', 'a')])).rejects.toMatchObject({ error: 'RepoBehindMirror' })
  repo.suspend(null)
  await repo.write([create('a', 'a')])
})
