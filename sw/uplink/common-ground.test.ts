import { expect, it } from 'vitest'
import { create, makeRepo, put } from '../repo/fixtures.ts'
import { elsewhere, notes, streamOf } from '../repo/import-fixtures.ts'
import { Repo } from '../repo/repo.ts'
import { findCommonGround } from './common-ground.ts'

const mirrorOf = (repo: Repo) => {
  const { rev, commit, data } = repo.head()
  return { rev, commit, data }
}

it('sends a new repo as events, to a room that has nothing', async () => {
  const { repo } = await makeRepo()
  await repo.write([create('a', 'a')])
  expect(await findCommonGround(repo, null)).toEqual({ kind: 'events', after: 0 })
})

it('puts an imported repo in place of what the room has, and knows whether that was its own', async () => {
  const { repo, store, vault } = await makeRepo()
  await repo.write([create('a', 'a')])
  const first = mirrorOf(repo)
  await repo.write([put('a', 'aa')])
  const before = mirrorOf(repo)
  const source = await elsewhere(notes(5))
  const { rev } = source.repo.commit
  await repo.import(streamOf(source.car))
  const foreign = { ...first, rev: `${first.rev.slice(0, -1)}${first.rev.endsWith('z') ? 'y' : 'z'}` }
  const older = { ...first, rev: '3aaaaaaaaaaaa' }
  const expectGround = async (each: Repo): Promise<void> => {
    expect(await findCommonGround(each, null)).toEqual({ kind: 'replace' })
    for (const mirror of [first, before, older, { ...before, rev }])
      expect(await findCommonGround(each, mirror)).toEqual({ kind: 'replace', replaces: mirror.commit })
    expect(await findCommonGround(each, foreign)).toEqual({ kind: 'replace' })
  }
  await expectGround(repo)
  await repo.write([put('a', 'b')])
  await expectGround(await Repo.open(store, vault))
  await repo.import(streamOf((await elsewhere(notes(6))).car))
  await expectGround(repo)
})

it('sends no commit again that a room has had and lost: the firehose must not go back', async () => {
  const { repo } = await makeRepo()
  await repo.write([create('a', 'a')])
  await repo.acknowledge(1)
  expect(await findCommonGround(repo, null)).toEqual({ kind: 'replace' })
})

it('goes on by events from the imported commit, and from those after it', async () => {
  const { repo } = await makeRepo()
  await repo.announce({ kind: 'account', active: false, status: 'deactivated' })
  await repo.import(streamOf((await elsewhere(notes(5))).car))
  const imported = mirrorOf(repo)
  expect(await findCommonGround(repo, imported)).toEqual({ kind: 'events', after: repo.head().event })
  await repo.announce({ kind: 'account', active: true })
  await repo.write([put('a', 'one')])
  const first = mirrorOf(repo)
  const { event } = repo.head()
  await repo.write([put('a', 'two')])
  expect(await findCommonGround(repo, imported)).toEqual({ kind: 'events', after: event - 1 })
  expect(await findCommonGround(repo, first)).toEqual({ kind: 'events', after: event })
})

it('tells a mirror that is ahead, or on another branch, from one that is only old', async () => {
  const { repo } = await makeRepo()
  await repo.import(streamOf((await elsewhere(notes(5))).car))
  await repo.write([put('a', 'one')])
  await repo.write([put('a', 'two')])
  const { rev, commit, data } = repo.head()
  expect(await findCommonGround(repo, { rev: `${rev}z`, commit, data })).toMatchObject({
    kind: 'apart',
    error: { error: 'RepoBehindMirror' },
  })
  expect(await findCommonGround(repo, { rev, commit: 'other', data })).toMatchObject({ kind: 'apart', error: { error: 'RepoFork' } })
  expect(await findCommonGround(repo, { rev: `${repo.imported()?.rev}z`, commit, data })).toMatchObject({
    kind: 'apart',
    error: { error: 'RepoFork' },
  })
  const [older] = await repo.eventsAfter(0, 1)
  expect(await findCommonGround(repo, { rev: `${older!.rev}z`, commit, data })).toMatchObject({
    kind: 'apart',
    error: { error: 'RepoFork' },
  })
})
