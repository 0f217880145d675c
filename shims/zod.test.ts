import { schema as original } from '@atproto/repo'
import { expect, test } from 'vitest'
import { CID } from 'multiformats/cid'
import { z } from './zod.ts'

const cid = CID.parse('bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a')
const commit = { did: 'did:web:localhost', version: 3, data: cid, rev: '3kvvvvvvvvvvv', prev: null, sig: new Uint8Array(64) }
const without = (key: keyof typeof commit) => Object.fromEntries(Object.entries(commit).filter(([name]) => name !== key))

/** As the library writes its own, which the tests below hold it against. */
const link = z.unknown().transform((value, context) => {
  if (value instanceof CID) return value
  context.addIssue({ message: 'Not a valid CID' })
  return z.NEVER
})
const node = z.object({ p: z.number(), t: z.nullable(link) })
const shapes = {
  carHeader: z.object({ version: z.literal(1), roots: z.array(link) }),
  map: z.record(z.string(), z.unknown()),
  versionedCommit: z.discriminatedUnion('version', [
    z.object({ did: z.string(), version: z.literal(3), data: link, rev: z.string(), prev: link.nullable(), sig: z.instanceof(Uint8Array) }),
    z.object({
      did: z.string(),
      version: z.literal(2),
      data: link,
      rev: z.string().optional(),
      prev: link.nullable(),
      sig: z.instanceof(Uint8Array),
    }),
  ]),
}

test.each([
  ['versionedCommit', 'a commit', commit],
  ['versionedCommit', 'a commit of version 2 without rev', { ...without('rev'), version: 2 }],
  ['versionedCommit', 'a commit that has more than it needs', { ...commit, extra: 1 }],
  ['versionedCommit', 'a commit without rev', without('rev')],
  ['versionedCommit', 'a commit without prev', without('prev')],
  ['versionedCommit', 'a commit whose data is no link', { ...commit, data: 'bafy' }],
  ['versionedCommit', 'a commit whose signature is text', { ...commit, sig: 'sig' }],
  ['versionedCommit', 'a commit of version 4', { ...commit, version: 4 }],
  ['versionedCommit', 'nothing', undefined],
  ['carHeader', 'a header', { version: 1, roots: [cid] }],
  ['carHeader', 'a header of version 2', { version: 2, roots: [cid] }],
  ['carHeader', 'a header with a root that is none', { version: 1, roots: [cid, null] }],
  ['map', 'a map', { a: [1], b: null }],
  ['map', 'a list', 'list'],
] as const)('%s judges %s as zod does', (name, _, value) => {
  const [ours, theirs] = [shapes[name].safeParse(value), original[name].safeParse(value)]
  expect(ours.success).toBe(theirs.success)
  if (ours.success) expect(ours.data).toEqual(theirs.data)
  else expect(ours.error).toBeInstanceOf(Error)
})

test('a tree node has numbers, and links that may be null', () => {
  expect(node.safeParse({ p: 0, t: null }).success).toBe(true)
  expect(node.safeParse({ p: 0, t: cid }).success).toBe(true)
  for (const wrong of [{ p: '0', t: null }, { p: 0 }, { p: 0, t: 'bafy' }]) expect(node.safeParse(wrong).success).toBe(false)
})
