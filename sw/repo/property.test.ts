import { type Cid, cidForCbor, parseCid } from '@atproto/lex-data'
import { MemoryBlockstore, MST, readCarWithRoot, verifyRepoCar } from '@atproto/repo'
import { encode } from '@ipld/dag-cbor'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { openStore } from '../store/open.ts'
import type { Write } from './contract.ts'
import { bytesOf, commitOf, DID, invert, makeRepo } from './fixtures.ts'
import { Repo } from './repo.ts'

const write = fc.record({
  action: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
  collection: fc.constantFrom('com.example.note', 'com.example.note.more', 'com.example.zoo'),
  rkey: fc.integer({ min: 0, max: 90 }).map((at) => `key${at}`),
  text: fc.constantFrom('one', 'two', 'three', 'the same'),
})
const call = fc.record({
  /** Large ones put their records into packs. */
  writes: fc.oneof(
    { weight: 3, arbitrary: fc.array(write, { minLength: 1, maxLength: 12 }) },
    fc.array(write, { minLength: 60, maxLength: 120 }),
  ),
  /** After this call: go on, write the tree down, lose the worker, or put the repo's own export in its place. */
  next: fc.constantFrom('go on', 'go on', 'go on', 'checkpoint', 'kill', 'import'),
  /** Whether the next call is made before this one is answered. */
  wait: fc.boolean(),
})

const toWrite = ({ action, collection, rkey, text }: { action: 'put' | 'delete'; collection: string; rkey: string; text: string }): Write =>
  action === 'put' ? { action, collection, rkey, record: { text } } : { action, collection, rkey }

/** Found by this test: key45 lies two layers up, and the split rebuilds the tree below it exactly as it was. */
const rebuiltSubtree = ['key1', 'key0', 'key45', 'key2'].map((rkey, at) => ({
  writes: [{ action: 'put' as const, collection: 'com.example.note' as const, rkey, text: 'one' as const }],
  next: at === 1 ? ('checkpoint' as const) : ('go on' as const),
  wait: false,
}))

/** Found by the firehose's tests: key45 lies two layers up, and the tree that loses it is empty and knows of no layer. */
const emptiedTree = ['put', 'delete', 'put'].map((action, at) => ({
  writes: [
    { action: action as 'put' | 'delete', collection: 'com.example.note' as const, rkey: at < 2 ? 'key45' : 'key1', text: 'one' as const },
  ],
  next: 'go on' as const,
  wait: true,
}))

/** The tree @atproto/repo builds from nothing out of the records that should be there. */
const rootOf = async (model: ReadonlyMap<string, Cid>): Promise<string> => {
  let tree = await MST.create(new MemoryBlockstore())
  for (const [path, cid] of model) tree = await tree.add(path, cid)
  return String(await tree.getPointer())
}

it(
  'keeps the tree, the log and the exports true through any writes, imports, checkpoints and killed workers',
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(call, { minLength: 1, maxLength: 14 }), async (calls) => {
        const { store, vault, name, repo: first } = await makeRepo()
        let repo = first
        const model = new Map<string, Cid>()
        let running: Array<Promise<unknown>> = []
        for (const { writes, next, wait } of calls) {
          running.push(repo.write(writes.map(toWrite)))
          for (const { action, collection, rkey, text } of writes) {
            const path = `${collection}/${rkey}`
            if (action === 'delete') model.delete(path)
            else model.set(path, await cidForCbor(encode({ $type: collection, text })))
          }
          if (!wait && next === 'go on') continue
          await Promise.all(running)
          running = []
          if (next === 'checkpoint') await repo.close()
          if (next === 'kill') repo = await Repo.open(store, vault)
          if (next === 'import') await repo.import(repo.car(), { signingKey: vault.signingDidKey })
        }
        await Promise.all(running)

        const root = await rootOf(model)
        expect(repo.head().data).toBe(root)
        const events = (await repo.eventsAfter(0, 1000)).map(commitOf)
        for (const [at, event] of events.entries()) {
          if (at === 0) continue
          expect(event.since).toBe(events[at - 1]!.rev)
          expect((await invert(event)).prevData).toBe(String(event.prevData))
        }
        await repo.close()
        const reopened = await Repo.open(await openStore(name), vault)
        expect(reopened.head()).toEqual(repo.head())
        const verified = await verifyRepoCar(await bytesOf(reopened.car()), DID, vault.signingDidKey)
        expect(new Map(verified.creates.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, String(cid)]))).toEqual(
          new Map(Array.from(model, ([path, cid]) => [path, String(cid)])),
        )
        for (const collection of new Set(Array.from(model.keys(), (path) => path.split('/')[0]!))) {
          const { records } = await reopened.list({ collection, limit: 100, reverse: true })
          const expected = Array.from(model).filter(([path]) => path.startsWith(`${collection}/`))
          expect(records.map(({ uri, cid }) => [uri.slice(`at://${DID}/`.length), cid])).toEqual(
            expected.map(([path, cid]) => [path, String(cid)]).toSorted(([a = ''], [b = '']) => (a < b ? -1 : 1)),
          )
        }
        expect((await reopened.collections()).reduce((sum, { count }) => sum + count, 0)).toBe(model.size)

        const { blocks } = await readCarWithRoot(await bytesOf(reopened.car()))
        const tree = MST.load(new MemoryBlockstore(blocks), parseCid(root))
        const nodes = (await tree.allNodes()).filter((entry) => entry.isTree())
        expect(await reopened.blockCounts()).toEqual({ blocks: nodes.length + model.size + 1, records: model.size })
        if (reopened.imported()?.rev !== undefined) return
        // Exactly the nodes of this tree are stored: nothing is missing and nothing is left over.
        expect(new Set(await store.getAllKeys('nodes'))).toEqual(
          new Set(await Promise.all(nodes.map(async (node) => String(await (node as MST).getPointer())))),
        )
      }),
      { numRuns: Number(process.env['PROPERTY_RUNS'] ?? 25), examples: [[rebuiltSubtree], [emptiedTree]] },
    )
  },
)
