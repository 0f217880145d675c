import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'
import { bytesOf, create, makeRepo, put, remove } from './fixtures.ts'
import { elsewhere, notes, streamOf } from './import-fixtures.ts'
import { readCar } from './car-reader.ts'
import { parseNode } from './mst-node.ts'
import type { Repo } from './repo.ts'
import type { HeldRepo } from './contract.ts'

const cidOf = (bytes: Uint8Array): string => CID.decode(bytes).toString()

/** All blocks, asked for level by level as a mirror does: bytes of all sections. */
const pullAll = async (held: HeldRepo, between: () => Promise<void> = async () => {}): Promise<Map<string, Uint8Array>> => {
  const found = new Map<string, Uint8Array>()
  const ask = async (cids: readonly string[]): Promise<Uint8Array[]> => {
    const sections = await held.sections(cids)
    let at = 0
    return cids.map((cid) => {
      let length = 0
      for (let shift = 0; ; shift += 7) {
        const byte = sections[at++]!
        length |= (byte & 0x7f) << shift
        if (byte < 0x80) break
      }
      const section = sections.subarray(at, (at += length))
      expect(cidOf(section.subarray(0, 36))).toBe(cid)
      found.set(cid, section.slice(36))
      return section.slice(36)
    })
  }
  await ask([held.head.commit])
  let level = [held.head.data]
  while (level.length > 0) {
    const records: string[] = []
    const below: string[] = []
    for (const block of await ask(level)) {
      const { left, entries } = parseNode(block)
      if (left) below.push(cidOf(left))
      for (const { value, right } of entries) {
        records.push(cidOf(value))
        if (right) below.push(cidOf(right))
      }
    }
    await between()
    await ask([...new Set(records)])
    level = below
  }
  return found
}

const blocksOf = async (repo: Repo): Promise<Map<string, string>> => {
  const found = new Map<string, string>()
  for await (const { blocks } of readCar(streamOf(await bytesOf(repo.car()))))
    for (const { digest, bytes } of blocks) found.set(Buffer.from(digest).toString('hex'), Buffer.from(bytes).toString('hex'))
  return found
}

const hex = (blocks: ReadonlyMap<string, Uint8Array>): Map<string, string> =>
  new Map(
    Array.from(blocks, ([cid, bytes]) => [
      Buffer.from(CID.parse(cid).multihash.digest).toString('hex'),
      Buffer.from(bytes).toString('hex'),
    ]),
  )

test('a repo that is held gives every block as it was, whatever is written meanwhile', async () => {
  const { repo } = await makeRepo()
  await repo.write(Array.from({ length: 60 }, (_, n) => create(`r${n}`, `text ${n % 20}`)))
  const whole = await blocksOf(repo)
  const held = repo.hold()
  let written = 0
  const found = await pullAll(held, async () => {
    await repo.write([put(`r${written}`, `changed ${written}`), remove(`r${59 - written}`), create(`new${written}`, 'new')])
    written += 1
  })
  held.letGo()
  expect(written).toBeGreaterThan(1)
  expect(hex(found)).toEqual(whole)
  expect(hex(await pullAll(repo.hold()))).toEqual(await blocksOf(repo))
})

test('an imported one too, and what is in neither is refused', async () => {
  const { repo } = await makeRepo()
  await repo.import(streamOf((await elsewhere(notes(200))).car))
  await repo.write([create('after', 'the import')])
  const held = repo.hold()
  expect(hex(await pullAll(held))).toEqual(await blocksOf(repo))
  await expect(repo.hold().sections(['bafyreie5737gdxlw5i64vzichcalba3z2v5n6icifvx5xytvske7mr3hpm'])).rejects.toMatchObject({
    error: 'RepoMoved',
  })
  await expect(repo.hold().sections(['no cid'])).rejects.toMatchObject({ error: 'InvalidRequest' })
})
