import { randomBytes } from 'node:crypto'
import { P256Keypair } from '@atproto/crypto'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { sha256 } from 'multiformats/hashes/sha2'
import { expect } from 'playwright/test'
import { encodeFrame } from '../../wire/codec.ts'
import type { TabFrame } from '../../wire/frames.ts'
import { bodyOf, ForgedRepo } from '../fixtures/forged-commit.ts'
import { type Address, getAs, HostileTab, newAddress } from '../fixtures/hostile-tab.ts'
import { type Room, test } from '../fixtures/room.ts'
import { commitsOf, subscribe } from '../fixtures/subscriber.ts'

test.use({ name: 'uplink' })

const statusOf = async (address: Address) => (await getAs(address, '/xrpc/_tabpod/status')).json
const latestCommit = (address: Address, { did }: HostileTab) =>
  getAs(address, `/xrpc/com.atproto.sync.getLatestCommit?did=${encodeURIComponent(did)}`)

const expectRefused = async (tab: HostileTab, error: string): Promise<void> => {
  expect(await tab.until('refused')).toMatchObject({ error, message: expect.any(String) })
  await tab.closed
}

/** A tab that was admitted to a room of its own. */
const admitted = async (room: Room): Promise<{ tab: HostileTab; address: Address; repo: ForgedRepo }> => {
  const address = newAddress(room.url)
  const tab = await HostileTab.open(address)
  await tab.join(room.claim)
  return { tab, address, repo: new ForgedRepo(tab.did, tab.signing) }
}

test.describe('joining', () => {
  test('a tab with the claim token and a signed challenge is admitted, and the room is bound to it', async ({ room }) => {
    const { tab, address } = await admitted(room)
    await expect.poll(() => statusOf(address)).toMatchObject({ bound: true, online: true, did: tab.did })
    tab.close()
    await expect.poll(() => statusOf(address)).toMatchObject({ bound: true, online: false })
  })

  test('a hello whose signature is forged is refused and leaves the room free', async ({ room }) => {
    const address = newAddress(room.url)
    const tab = await HostileTab.open(address)
    tab.send({ ...(await tab.hello(room.claim)), sig: randomBytes(64).toString('base64url') })
    await expectRefused(tab, 'BadSignature')
    expect(await statusOf(address)).toMatchObject({ bound: false })
  })

  test('a hello overheard on one connection is worth nothing on another', async ({ room }) => {
    const address = newAddress(room.url)
    const owner = await HostileTab.open(address)
    const overheard = await owner.hello(room.claim)
    owner.send(overheard)
    await owner.until('welcome')

    const thief = await HostileTab.open(address)
    await thief.until('challenge')
    thief.send(overheard)
    await expectRefused(thief, 'BadSignature')
    owner.close()
  })

  test('a signed hello cannot be made to announce another signing key', async ({ room }) => {
    const address = newAddress(room.url)
    const tab = await HostileTab.open(address)
    tab.send({ ...(await tab.hello(room.claim)), signingKey: (await P256Keypair.create()).did() })
    await expectRefused(tab, 'BadSignature')
  })

  test('without the claim token a free room is not given away', async ({ room }) => {
    const address = newAddress(room.url)
    for (const [claim, error] of [
      [undefined, 'ClaimRequired'],
      ['not the token', 'ClaimRefused'],
    ] as const) {
      const tab = await HostileTab.open(address)
      tab.send(await tab.hello(claim))
      await expectRefused(tab, error)
    }
    expect(await statusOf(address)).toMatchObject({ bound: false })
  })

  test('a signed hello cannot be made to announce another DID', async ({ room }) => {
    const tab = await HostileTab.open(newAddress(room.url))
    tab.send({ ...(await tab.hello(room.claim)), did: 'did:web:bank.example' })
    await expectRefused(tab, 'BadSignature')
  })

  test('a second claimer is refused even with the token, and the owner stays online', async ({ room }) => {
    const { tab: owner, address } = await admitted(room)
    const second = await HostileTab.open(address)
    second.send(await second.hello(room.claim))
    await expectRefused(second, 'NotYours')
    await expect.poll(() => statusOf(address)).toMatchObject({ online: true, did: owner.did })
    expect(owner.heard.map(({ t }) => t)).not.toContain('refused')
    owner.close()
  })

  test('a new tab of the same pod replaces the old one, without the token', async ({ room }) => {
    const { tab: old, address } = await admitted(room)
    const fresh = await HostileTab.open(address, old)
    await fresh.join()
    await expectRefused(old, 'Replaced')
    await expect.poll(() => statusOf(address)).toMatchObject({ online: true })
    fresh.close()
  })
})

test.describe('broken frames', () => {
  const head = (length: number, text: string): Uint8Array => {
    const bytes = new Uint8Array(4 + text.length)
    new DataView(bytes.buffer).setUint32(0, length)
    bytes.set(new TextEncoder().encode(text), 4)
    return bytes
  }
  const broken: ReadonlyArray<readonly [string, Uint8Array]> = [
    ['of no bytes', new Uint8Array(0)],
    ['shorter than its length field', Uint8Array.of(0, 0, 1)],
    ['with a head longer than itself', head(0xffffffff, '{}')],
    ['with a head that is not JSON', head(3, '{"t')],
    ['with a head that is not UTF-8', Uint8Array.of(0, 0, 0, 2, 0xc3, 0x28)],
    ['of an unknown kind', encodeFrame({ t: 'root' })],
    ['with a field of the wrong type', encodeFrame({ t: 'event', event: '1', size: 3 } as unknown as TabFrame)],
    ['announcing an event that is too large', encodeFrame({ t: 'event', event: 1, size: 5_000_001 } as TabFrame)],
    ['of random bytes', new Uint8Array(randomBytes(2048))],
  ]
  for (const [what, bytes] of broken) {
    test(`a frame ${what} ends the connection with BadFrame, before and after joining`, async ({ room }) => {
      const stranger = await HostileTab.open(newAddress(room.url))
      await stranger.until('challenge')
      stranger.sendRaw(bytes)
      await expectRefused(stranger, 'BadFrame')

      const { tab, address } = await admitted(room)
      tab.sendRaw(bytes)
      await expectRefused(tab, 'BadFrame')
      await expect.poll(() => statusOf(address)).toMatchObject({ online: false, rev: null })
    })
  }

  test('who has not joined can send nothing but hello', async ({ room }) => {
    const tab = await HostileTab.open(newAddress(room.url))
    await tab.until('challenge')
    tab.sendEvent(1, Uint8Array.of(0xa0))
    await expectRefused(tab, 'BadFrame')
  })
})

test.describe('bad events', () => {
  test('a sound chain of commits is accepted, mirrored and broadcast: the control of the tests below', async ({ room }) => {
    const { tab, address, repo } = await admitted(room)
    const subscriber = subscribe(room.url, undefined, address.host)
    await subscriber.opened
    const first = await repo.next('one')
    const second = await repo.next('two')
    tab.sendEvent(1, bodyOf(first))
    tab.sendEvent(2, bodyOf(second))
    await subscriber.until(({ body }) => body.rev === second.rev)
    expect((await latestCommit(address, tab)).json).toEqual({ cid: String(second.commit), rev: second.rev })
    subscriber.close()
    tab.close()
  })

  test('an event sent twice gets no second number', async ({ room }) => {
    const { tab, address, repo } = await admitted(room)
    const subscriber = subscribe(room.url, undefined, address.host)
    await subscriber.opened
    const [first, second] = [await repo.next('one'), await repo.next('two')]
    for (const [event, commit] of [
      [1, first],
      [1, first],
      [2, second],
    ] as const)
      tab.sendEvent(event, bodyOf(commit))
    await subscriber.until(({ body }) => body.rev === second.rev)
    expect(commitsOf(subscriber).map(({ rev }) => rev)).toEqual([first.rev, second.rev])
    subscriber.close()
    tab.close()
  })

  /** A good commit, then a bad event: the mirror stays at the good one, and nobody hears of the other. */
  const expectRejected = async (room: Room, make: (repo: ForgedRepo) => Promise<Uint8Array>, error: string) => {
    const { tab, address, repo } = await admitted(room)
    const subscriber = subscribe(room.url, undefined, address.host)
    await subscriber.opened
    const good = await repo.next('good')
    tab.sendEvent(1, bodyOf(good))
    tab.sendEvent(2, await make(repo))
    expect(await tab.until('rejected')).toMatchObject({ event: 2, error, message: expect.any(String) })
    expect((await latestCommit(address, tab)).json).toEqual({ cid: String(good.commit), rev: good.rev })
    expect(commitsOf(subscriber).map(({ rev }) => rev)).toEqual([good.rev])
    subscriber.close()
    tab.close()
  }

  test('a commit signed by another key is rejected and never mirrored', async ({ room }) => {
    await expectRejected(room, async (repo) => bodyOf(await repo.next('bad', await P256Keypair.create())), 'BadSignature')
  })

  test('a commit of another repo is rejected', async ({ room }) => {
    await expectRejected(room, async (repo) => bodyOf({ ...(await repo.next('bad')), repo: 'did:web:bank.example' }), 'WrongRepo')
  })

  test('ops that hide what the tree really changed are rejected', async ({ room }) => {
    await expectRejected(room, async (repo) => bodyOf({ ...(await repo.next('bad')), ops: [] }), 'BadProof')
  })

  test('an op that names another record than the tree holds is rejected', async ({ room }) => {
    const lie = async (repo: ForgedRepo) => {
      const event = await repo.next('bad')
      return bodyOf({ ...event, ops: [{ ...event.ops[0]!, cid: event.commit }] })
    }
    await expectRejected(room, lie, 'BadProof')
  })

  test('a block whose bytes are not those of its CID is rejected', async ({ room }) => {
    const tamper = async (repo: ForgedRepo) => {
      const event = await repo.next('bad')
      const blocks = Uint8Array.from(event.blocks)
      blocks[blocks.length - 1]! ^= 1
      return bodyOf({ ...event, blocks })
    }
    await expectRejected(room, tamper, 'BadBlocks')
  })

  test('a commit that does not follow the mirror is rejected', async ({ room }) => {
    const skip = async (repo: ForgedRepo) => {
      await repo.next('never-sent')
      return bodyOf(await repo.next('bad'))
    }
    await expectRejected(room, skip, 'OutOfSync')
  })

  test('bytes that are no event are rejected', async ({ room }) => {
    await expectRejected(room, () => Promise.resolve(new Uint8Array(randomBytes(100))), 'BadEvent')
  })
})

test.describe('blobs', () => {
  const bytes = new Uint8Array(randomBytes(100_000))
  const send = async (tab: HostileTab, cid: string, body: Uint8Array): Promise<void> => {
    tab.send({ t: 'blob', id: 1, cid, mime: 'image/png', size: bytes.length })
    tab.send({ t: 'body', of: 'blob', id: 1, end: true }, body)
  }

  for (const [what, body] of [
    ['other bytes', new Uint8Array(randomBytes(bytes.length))],
    ['fewer bytes', bytes.subarray(1)],
    ['more bytes', new Uint8Array([...bytes, 0])],
  ] as const) {
    test(`${what} than the CID says are refused and never served`, async ({ room }) => {
      const { tab, address } = await admitted(room)
      const cid = String(CID.createV1(raw.code, await sha256.digest(bytes)))
      await send(tab, cid, body)
      expect(await tab.until('blob-refused')).toMatchObject({ cid, error: 'BadBlob', message: expect.any(String) })
      tab.close()
      await expect.poll(() => statusOf(address)).toMatchObject({ online: false })
      const answer = await getAs(address, `/xrpc/com.atproto.sync.getBlob?did=${encodeURIComponent(tab.did)}&cid=${cid}`)
      expect(answer.status).toBeGreaterThanOrEqual(400)
    })
  }
})
