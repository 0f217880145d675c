import 'fake-indexeddb/auto'
import { beforeEach, expect, it } from 'vitest'
import { openStore, type Store } from './open.ts'
import type { SessionRow } from './schema.ts'
import { deleteSessionFamily, getSession, pruneExpiredSessions, putSession, rotateSession } from './sessions.ts'

let store: Store
let names = 0
beforeEach(async () => {
  store = await openStore(`sessions-${(names += 1)}`)
})

const row = (id: string, more: Partial<SessionRow> = {}): SessionRow => ({ id, family: 'f', createdAt: 0, expiresAt: 1000, ...more })
const rotate = (id: string, next: string, now = 10) =>
  rotateSession(store, id, now, now + 100, (before) => ({ ...row(next), family: before.family }))

it('rotates a token once, and repeats the same successor inside the grace', async () => {
  await putSession(store, row('a'))
  expect(await rotate('a', 'b')).toMatchObject({ outcome: 'rotated', successor: { id: 'b' } })
  expect(await rotate('a', 'c', 50)).toMatchObject({ outcome: 'repeated', successor: { id: 'b' } })
  expect(await getSession(store, 'c')).toBeUndefined()
})

it('lets one of two rotations at the same time win', async () => {
  await putSession(store, row('a'))
  const both = await Promise.all([rotate('a', 'b'), rotate('a', 'c')])
  expect(both.map(({ outcome }) => outcome).toSorted()).toEqual(['repeated', 'rotated'])
})

it('ends the whole family when a token is used again after its grace', async () => {
  await putSession(store, row('a'))
  await putSession(store, row('stranger', { family: 'other' }))
  await rotate('a', 'b')
  expect(await rotate('a', 'c', 200)).toEqual({ outcome: 'reused', family: 'f' })
  expect(await getSession(store, 'b')).toBeUndefined()
  expect(await getSession(store, 'stranger')).toBeDefined()
})

it('knows no expired or deleted tokens', async () => {
  await putSession(store, row('a'))
  await putSession(store, row('b', { expiresAt: 5 }))
  expect(await rotate('b', 'x')).toEqual({ outcome: 'unknown' })
  expect(await deleteSessionFamily(store, 'f')).toBe(2)
  expect(await rotate('a', 'x')).toEqual({ outcome: 'unknown' })
})

it('prunes what has expired', async () => {
  await putSession(store, row('a'))
  await putSession(store, row('b', { expiresAt: 5 }))
  expect(await pruneExpiredSessions(store, 10)).toBe(1)
  expect(await getSession(store, 'a')).toBeDefined()
})
