import { CID } from 'multiformats/cid'
import { MST, MemoryBlockstore } from '@atproto/repo'
import { describe, expect, it } from 'vitest'
import { cidAt, cidOfBlock, cidToBytes } from './cid.ts'
import { layerOf, parseNode, writeNode } from './node.ts'
import { PartialTree } from './tree.ts'

const EMPTY = writeNode({ keys: [], values: [], subtrees: [null] })

describe('PartialTree', () => {
  it("has the same root as @atproto/repo's tree after every one of 600 random ops", async () => {
    const source = new Map<string, Uint8Array>()
    const empty = await cidOfBlock(EMPTY)
    source.set(empty, EMPTY)
    const ours = new PartialTree((cid) => source.get(cid), empty)
    let theirs = await MST.create(new MemoryBlockstore())
    const values = await Promise.all(Array.from({ length: 10 }, (_, i) => cidOfBlock(Uint8Array.of(i))))
    const keys: string[] = []
    let seed = 7
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below
    for (let step = 0; step < 600; step++) {
      const value = values[random(10)]!
      const roll = random(10)
      // Never down to nothing: an emptied @atproto/repo tree keeps its old height in memory, and would build on top of it.
      if (keys.length < 2 || roll < 5) {
        const key = `app.example.c${random(3)}/${random(1e9).toString(36)}`
        if (keys.includes(key)) continue
        keys.push(key)
        ours.insert(key, value)
        theirs = await theirs.add(key, CID.parse(value))
      } else if (roll < 7) {
        const key = keys[random(keys.length)]!
        ours.update(key, value)
        theirs = await theirs.update(key, CID.parse(value))
      } else {
        const [key] = keys.splice(random(keys.length), 1)
        ours.remove(key!)
        theirs = await theirs.delete(key!)
      }
      expect((await ours.seal()).root, `after step ${step}`).toBe((await theirs.getPointer()).toString())
    }
    expect(keys.length).toBeGreaterThan(50)
  })

  it('refuses to look into a node that is not there', async () => {
    const child = await cidOfBlock(Uint8Array.of(1))
    const root = writeNode({ keys: [], values: [], subtrees: [child] })
    const cid = await cidOfBlock(root)
    expect(() => new PartialTree(() => undefined, cid)).toThrow(/not among the blocks/)
  })
})

describe('tree node', () => {
  it('reads back what it writes, and nothing else', () => {
    const cid = CID.parse('bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku').toString()
    const node = { keys: ['a.b/1', 'a.b/22', 'a.c/3'], values: [cid, cid, cid], subtrees: [null, cid, null, cid] }
    const bytes = writeNode(node)
    expect(parseNode(bytes)).toEqual(node)
    for (let i = 0; i < bytes.length; i++) {
      const broken = bytes.slice()
      broken[i]! ^= 0x80
      let read: unknown = null
      try {
        read = writeNode(parseNode(broken))
      } catch {
        continue
      }
      expect(read, `byte ${i}`).toEqual(broken)
    }
    expect(() => parseNode(bytes.slice(0, -1))).toThrow()
  })

  it('puts keys on the layers of the specification', () => {
    // https://atproto.com/specs/repository#mst-structure
    expect(['2653ae71', 'blue', 'app.bsky.feed.post/454397e440ec', 'app.bsky.feed.post/9adeb165882c'].map(layerOf)).toEqual([0, 1, 4, 8])
  })
})

describe('CID', () => {
  it('is written as multiformats writes it, and read back', () => {
    for (let i = 0; i < 50; i++) {
      const digest = crypto.getRandomValues(new Uint8Array(32))
      const bytes = Uint8Array.of(1, i % 2 ? 0x71 : 0x55, 0x12, 0x20, ...digest)
      const text = CID.decode(bytes).toString()
      expect(cidAt(bytes, 0)).toBe(text)
      expect(cidToBytes(text)).toEqual(bytes)
    }
    expect(() => cidToBytes('bafkqaaa')).toThrow()
  })
})
