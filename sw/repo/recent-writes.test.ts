import { describe, expect, test } from 'vitest'
import { MAX_LOCAL_EVENTS } from '../../wire/limits.ts'
import { create, makeRepo, NOTE, put, remove } from './fixtures.ts'
import { writtenSince } from './recent-writes.ts'

const every = { limit: 100, isWanted: () => true }

describe('what was written after a rev', () => {
  test('is each record once, newest first, with the time of its last write', async () => {
    let now = 1_800_000_000_000
    const { repo } = await makeRepo({ now: () => (now += 1000) })
    await repo.write([create('before', 'x')])
    const { rev } = repo.head()
    expect(await writtenSince(repo, rev, every)).toEqual([])
    await repo.write([create('a', '1'), create('b', '1')])
    await repo.announce({ kind: 'identity', handle: 'alice.example' })
    await repo.write([put('a', '2')])
    await repo.write([remove('b'), create('c', '1', 'com.example.other')])
    const found = await writtenSince(repo, rev, every)
    expect(found.map(({ collection, rkey }) => `${collection}/${rkey}`)).toEqual(['com.example.other/c', `${NOTE}/a`, `${NOTE}/b`])
    expect(found[0]!.at).toBeGreaterThan(found[1]!.at)
    const wanted = { limit: 1, isWanted: (collection: string) => collection === NOTE }
    expect((await writtenSince(repo, rev, wanted)).map(({ rkey }) => rkey)).toEqual(['a'])
  })

  test('goes no further back than a repo that was put in place, and than a limit of events', async () => {
    const { repo } = await makeRepo()
    const { rev } = repo.head()
    await repo.write([create('old', '1')])
    await repo.announce({ kind: 'sync' })
    await repo.write([create('new', '1')])
    expect((await writtenSince(repo, rev, every)).map(({ rkey }) => rkey)).toEqual(['new'])
    for (let count = 0; count < MAX_LOCAL_EVENTS + 8; count += 1) await repo.write([put('many', String(count))])
    expect((await writtenSince(repo, rev, every)).map(({ rkey }) => rkey)).toEqual(['many'])
  })
})
