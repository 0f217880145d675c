import { encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { describe, expect, test } from 'vitest'
import { decodeEvent, encodeEvent } from './event.ts'
import type { CommitEvent } from './event.ts'
import { MAX_COMMIT_BLOCKS_BYTES } from './limits.ts'

const cid = CID.parse('bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a')
const commit: CommitEvent = {
  kind: 'commit',
  repo: 'did:web:alice.example',
  commit: cid,
  rev: '3lw2w4xyzab2c',
  since: null,
  ops: [{ action: 'create', path: 'app.bsky.feed.post/3lw2w4xyzab2c', cid }],
  blocks: Uint8Array.of(1, 2, 3),
  blobs: [],
}

describe('an event', () => {
  test('comes back as it was encoded, CIDs as CIDs', () => {
    const decoded = decodeEvent(encodeEvent(commit))
    expect(decoded).toEqual(commit)
    expect(CID.asCID((decoded as CommitEvent).commit)?.equals(cid)).toBe(true)
  })

  test('with an absent optional field never carries undefined', () => {
    expect(() => encodeEvent({ kind: 'identity', did: 'did:web:alice.example', handle: undefined } as never)).toThrow(/undefined/)
  })

  test.each([
    ['of an unknown kind', { ...commit, kind: 'info' }],
    ['whose commit is a string', { ...commit, commit: cid.toString() }],
    ['with an unknown action', { ...commit, ops: [{ action: 'upsert', path: 'a/b', cid }] }],
    ['with more than 200 ops', { ...commit, ops: Array.from({ length: 201 }, () => commit.ops[0]) }],
    ['with more blocks than the spec allows', { ...commit, blocks: new Uint8Array(MAX_COMMIT_BLOCKS_BYTES + 1) }],
    ['that is no map', 7],
  ])('%s is refused', (_, value) => {
    expect(() => decodeEvent(encode(value))).toThrow()
  })
})
