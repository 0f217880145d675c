import { verifyProofs, verifyRepoCar } from '@atproto/repo'
import { decode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { newResolver } from '../../scripts/witness.ts'
import { expect, POST, test } from '../fixtures/pod.ts'

test.use({ name: 'repo-export' })

const bytesOf = async (answer: Response): Promise<Uint8Array> => {
  expect(answer.status).toBe(200)
  expect(answer.headers.get('content-type')).toBe('application/vnd.ipld.car')
  return new Uint8Array(await answer.arrayBuffer())
}

test('@atproto/repo verifies the whole repo, tab open and tab closed, and both are the same bytes', async ({ pod }) => {
  const rkeys = [await pod.post('one'), await pod.post('two')]
  const key = await newResolver().did.resolveAtprotoKey(pod.did)
  const open = await bytesOf(await pod.query('com.atproto.sync.getRepo', { did: pod.did }))
  await pod.close()
  const closed = await bytesOf(await pod.query('com.atproto.sync.getRepo', { did: pod.did }))
  await pod.reopen()
  expect(Buffer.compare(open, closed)).toBe(0)
  const { creates } = await verifyRepoCar(closed, pod.did, key)
  expect(creates.map(({ rkey }) => rkey)).toEqual(expect.arrayContaining(rkeys))
})

test('@atproto/repo verifies the proof that a record is there, and the proof that one is not', async ({ pod }) => {
  const rkey = await pod.post('proven')
  const key = await newResolver().did.resolveAtprotoKey(pod.did)
  const { cid } = (await (await pod.query('com.atproto.repo.getRecord', { repo: pod.did, collection: POST, rkey })).json()) as {
    cid: string
  }
  for (const [asked, expected] of [
    [rkey, CID.parse(cid)],
    ['3aaaaaaaaaaaa', null],
  ] as const) {
    const proof = await bytesOf(await pod.query('com.atproto.sync.getRecord', { did: pod.did, collection: POST, rkey: asked }))
    const claims = [{ collection: POST, rkey: asked, cid: expected }] as Parameters<typeof verifyProofs>[1]
    const { verified, unverified } = await verifyProofs(proof, claims, pod.did, key)
    expect([verified.length, unverified.length]).toEqual([1, 0])
  }
})

test('an independent decoder reads the same records out of the CAR, commit first and every hash right', async ({ pod }) => {
  const rkey = await pod.post('decoded by hand')
  const { roots, blocks } = await readCarByHand(await bytesOf(await pod.query('com.atproto.sync.getRepo', { did: pod.did })))
  expect(blocks.keys().next().value).toBe(String(roots[0]))
  const commit = decode<{ did: string; version: number; data: CID }>(blocks.get(String(roots[0]))!)
  expect(commit).toMatchObject({ did: pod.did, version: 3 })

  const keys = [...walk(String(commit.data), blocks)]
  expect(keys.map(([path]) => path)).toEqual(keys.map(([path]) => path).toSorted())
  const found = keys.find(([path]) => path === `${POST}/${rkey}`)
  expect(decode(blocks.get(found![1])!)).toMatchObject({ $type: POST, text: 'decoded by hand' })
})

test('getRepo since a rev sends only what is newer, and the two parts make the whole', async ({ pod }) => {
  await pod.post('old')
  const { rev } = (await (await pod.query('com.atproto.sync.getLatestCommit', { did: pod.did })).json()) as { rev: string }
  const old = await readCarByHand(await bytesOf(await pod.query('com.atproto.sync.getRepo', { did: pod.did })))
  await pod.post('new')
  const diff = await readCarByHand(await bytesOf(await pod.query('com.atproto.sync.getRepo', { did: pod.did, since: rev })))
  const whole = await readCarByHand(await bytesOf(await pod.query('com.atproto.sync.getRepo', { did: pod.did })))
  expect(diff.blocks.size).toBeLessThan(whole.blocks.size)
  const joined = new Map([...old.blocks, ...diff.blocks])
  for (const cid of whole.blocks.keys()) expect(joined.has(cid), cid).toBe(true)
})

/** CAR v1 by the book. @see https://ipld.io/specs/transport/car/carv1/ */
const readCarByHand = async (car: Uint8Array): Promise<{ roots: CID[]; blocks: Map<string, Uint8Array> }> => {
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = car[at++]!
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  const headerLength = varint()
  const { roots, version } = decode<{ roots: CID[]; version: number }>(car.subarray(at, at + headerLength))
  expect(version).toBe(1)
  at += headerLength
  const blocks = new Map<string, Uint8Array>()
  while (at < car.length) {
    const end = varint() + at
    const [cid, block] = CID.decodeFirst(car.subarray(at, end))
    expect((await sha256.digest(block)).bytes).toEqual(cid.multihash.bytes)
    blocks.set(cid.toString(), block)
    at = end
  }
  return { roots, blocks }
}

interface TreeNode {
  readonly l: CID | null
  readonly e: ReadonlyArray<{ readonly p: number; readonly k: Uint8Array; readonly v: CID; readonly t: CID | null }>
}

/** Paths and record CIDs of the tree, in its own order. @see https://atproto.com/specs/repository#mst-structure */
function* walk(node: string, blocks: ReadonlyMap<string, Uint8Array>): Generator<[path: string, cid: string]> {
  const { l, e } = decode<TreeNode>(blocks.get(node)!)
  if (l) yield* walk(String(l), blocks)
  let path = ''
  for (const { p, k, v, t } of e) {
    path = path.slice(0, p) + new TextDecoder().decode(k)
    yield [path, String(v)]
    if (t) yield* walk(String(t), blocks)
  }
}
