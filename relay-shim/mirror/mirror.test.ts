import { P256Keypair } from '@atproto/crypto'
import { readCarWithRoot, verifyProofs, verifyRepo } from '@atproto/repo'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { beforeEach, describe, expect, it } from 'vitest'
import { type CommitEvent, encodeEvent } from '../../wire/event.ts'
import { Firehose } from '../firehose/firehose.ts'
import { Refused } from '../refused.ts'
import { MemoryPort, type MemorySocket } from '../testing/memory-port.ts'
import { DID, SigningPod, create, remove, update } from '../testing/signing-pod.ts'
import { readCar, writeCar } from './car.ts'
import { cidOfBlock } from './cid.ts'
import { Mirror } from './mirror.ts'

const POST = 'app.bsky.feed.post'
const post = (text: string) => ({ $type: POST, text, createdAt: '2026-01-01T00:00:00.000Z' })

let port: MemoryPort
let firehose: Firehose
let mirror: Mirror
let pod: SigningPod
let subscriber: MemorySocket

beforeEach(async () => {
  port = new MemoryPort()
  firehose = await Firehose.open(port)
  mirror = await Mirror.open(port, firehose)
  pod = await SigningPod.create()
  await mirror.bind(pod.identity())
  subscriber = port.socket()
  await firehose.connect(subscriber, new Request('https://pod.example/xrpc/com.atproto.sync.subscribeRepos'))
})

const accept = (event: CommitEvent) => mirror.accept(...pod.next(event))
/** Long before anything that these tests write. */
const SEEN_AT = 0
const ask = (path: string, online = true) => mirror.answer(new Request(`https://pod.example${path}`), { online, seenAt: SEEN_AT })
const bytesOf = async (response: Response | null) => new Uint8Array(await response!.arrayBuffer())
const exported = async (query = '') => bytesOf(await ask(`/xrpc/com.atproto.sync.getRepo?did=${DID}${query}`))
async function* chunks(bytes: Uint8Array, size = 1000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

describe('accept', () => {
  it('takes 300 random commits, and what it serves then is the repo, block for block', async () => {
    await accept(await pod.begin())
    let seed = 11
    const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
    let rkeys = 0
    for (let i = 0; i < 300; i++) {
      const paths = [...pod.records.keys()]
      const roll = random(10)
      const [collection = '', rkey = ''] = (paths[random(Math.max(1, paths.length))] ?? '').split('/')
      // Few distinct texts, so that records share blocks.
      if (paths.length < 3 || roll < 5)
        await accept(await pod.write([create(`app.example.c${random(3)}`, `k${rkeys++}`, post(`${random(20)}`))]))
      else if (roll < 6) await accept(await pod.write(Array.from({ length: 10 }, () => create(POST, `k${rkeys++}`, post(`${random(20)}`)))))
      else if (roll < 8) await accept(await pod.write([update(collection, rkey, post(`new ${random(20)}`))]))
      else await accept(await pod.write([remove(collection, rkey)]))
    }
    expect(mirror.head()).toEqual(pod.head())
    const { root, blocks } = await readCarWithRoot(await exported())
    const verified = await verifyRepo(blocks, root, DID, pod.keypair.did())
    expect(new Map(verified.creates.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, cid.toString()]))).toEqual(pod.records)
    // What left the repo has left storage: as many block rows as the export has blocks.
    expect([...port.storage.rows.keys()].filter((key) => key.startsWith('b:'))).toHaveLength(blocks.size)
  }, 60_000)

  it('gives a repeated event its old number, once and for all', async () => {
    await accept(await pod.begin())
    const [event, body] = pod.next(await pod.write([create(POST, 'a', post('a'))]))
    const first = await mirror.accept(event, body)
    const sent = subscriber.sent.length
    expect(await mirror.accept(event, body)).toEqual(first)
    expect(subscriber.sent).toHaveLength(sent)
    expect(mirror.lastEvent()).toBe(event)
    const again = await Mirror.open(port, await Firehose.open(port))
    expect(await again.accept(event, body)).toEqual(first)
    expect(again.head()).toEqual(mirror.head())
  })

  it('keeps a block as long as one record still is that block', async () => {
    await accept(await pod.begin())
    await accept(await pod.write([create(POST, 'a', post('same')), create(POST, 'b', post('same'))]))
    await accept(await pod.write([remove(POST, 'a')]))
    expect((await ask(`/xrpc/com.atproto.repo.getRecord?repo=${DID}&collection=${POST}&rkey=b`))!.status).toBe(200)
    await accept(await pod.write([remove(POST, 'b')]))
    expect([...port.storage.rows.keys()].filter((key) => /^[bnr]:/.test(key))).toHaveLength(2)
  })
})

it('forgets a pod that is released: of it nothing is stored but what the firehose said', async () => {
  await accept(await pod.begin())
  for (let n = 0; n < 20; n++) await accept(await pod.write([create(POST, `k${n}`, post(`${n}`))]))
  const events = [...port.storage.rows.keys()].filter((key) => key.startsWith('e:'))
  await mirror.clear()
  const left = [...port.storage.rows].filter(([key]) => !key.startsWith('e:'))
  expect(left.filter(([, value]) => value !== 0).map(([key]) => key)).toEqual(['seq'])
  expect([...port.storage.rows.keys()].filter((key) => key.startsWith('e:'))).toEqual(events)
})

describe('accept refuses', () => {
  let good: CommitEvent
  let blocks: Map<string, Uint8Array>

  beforeEach(async () => {
    await accept(await pod.begin())
    await accept(await pod.write(Array.from({ length: 40 }, (_, i) => create(POST, `k${i}`, post(`${i}`)))))
    good = await pod.write([create(POST, 'new', post('new')), update(POST, 'k7', post('changed')), remove(POST, 'k20')])
    blocks = (await readCar(good.blocks)).blocks
  })

  const carOf = (root: string, of: ReadonlyMap<string, Uint8Array>) =>
    writeCar(
      root,
      [...of].map(([cid, bytes]) => ({ cid, bytes })),
    )
  const commitCid = () => good.commit.toString()
  /** The good event with its commit object changed and, unless told otherwise, signed again by the right key. */
  const recommit = async (change: Record<string, unknown>, sign = true): Promise<CommitEvent> => {
    const { sig, ...unsigned } = { ...(decode(blocks.get(commitCid())!) as Record<string, unknown>), ...change }
    const block = encode({ ...unsigned, sig: sign ? await pod.keypair.sign(encode(unsigned)) : sig })
    const cid = await cidOfBlock(block)
    const others = new Map([...blocks].filter(([each]) => each !== commitCid()))
    return { ...good, commit: CID.parse(cid), blocks: carOf(cid, new Map([[cid, block], ...others])) }
  }
  const expectRefusal = async (event: CommitEvent, error: string) => {
    const rows = structuredClone(port.storage.rows)
    const sent = subscriber.sent.length
    const refusal = await mirror.accept(99, encodeEvent(event)).catch((cause: unknown) => cause)
    expect(refusal).toBeInstanceOf(Refused)
    expect(refusal).toMatchObject({ error })
    expect(port.storage.rows).toEqual(rows)
    expect(subscriber.sent).toHaveLength(sent)
    await mirror.accept(99, encodeEvent(good))
  }

  it('a flipped byte in any block', async () => {
    const flipped = good.blocks.slice()
    flipped[flipped.length - 5]! ^= 1
    await expectRefusal({ ...good, blocks: flipped }, 'BadBlocks')
  })
  it('a signature by another key', async () => {
    const other = await P256Keypair.create()
    const { sig: _, ...unsigned } = decode(blocks.get(commitCid())!) as Record<string, unknown>
    await expectRefusal(await recommit({ sig: await other.sign(encode(unsigned)) }, false), 'BadSignature')
  })
  it('a signature with the high s, though the curve accepts it', async () => {
    const { sig } = decode<{ sig: Uint8Array }>(blocks.get(commitCid())!)
    const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
    const s = BigInt(`0x${Buffer.from(sig.slice(32)).toString('hex')}`)
    const high = Uint8Array.from(Buffer.from((order - s).toString(16).padStart(64, '0'), 'hex'))
    await expectRefusal(await recommit({ sig: Uint8Array.from([...sig.slice(0, 32), ...high]) }, false), 'BadSignature')
  })
  it('a missing record block', async () => {
    const record = good.ops[0]!.cid!.toString()
    await expectRefusal({ ...good, blocks: carOf(commitCid(), new Map([...blocks].filter(([cid]) => cid !== record))) }, 'BadBlocks')
  })
  it('a missing tree node', async () => {
    const { data } = decode<{ data: CID }>(blocks.get(commitCid())!)
    await expectRefusal(
      { ...good, blocks: carOf(commitCid(), new Map([...blocks].filter(([cid]) => cid !== data.toString()))) },
      'BadProof',
    )
  })
  it('an op left out', () => expectRefusal({ ...good, ops: good.ops.slice(1) }, 'BadProof'))
  it('a deletion left out', () => expectRefusal({ ...good, ops: good.ops.slice(0, 2) }, 'BadProof'))
  it('an op too many', () => expectRefusal({ ...good, ops: [...good.ops, { ...good.ops[0]!, path: `${POST}/more` }] }, 'BadProof'))
  it('a wrong prev', () => expectRefusal({ ...good, ops: good.ops.map((op) => (op.prev ? { ...op, prev: good.commit } : op)) }, 'BadProof'))
  it('a wrong prevData', () => expectRefusal({ ...good, prevData: good.commit }, 'OutOfSync'))
  it('a wrong since', () => expectRefusal({ ...good, since: '2222222222222' }, 'OutOfSync'))
  it('an event of a foreign repo', () => expectRefusal({ ...good, repo: 'did:web:other.example' }, 'WrongRepo'))
  it('a commit of a foreign repo', async () => expectRefusal(await recommit({ did: 'did:web:other.example' }), 'WrongRepo'))
  it('a rev of the far future', async () =>
    expectRefusal({ ...(await recommit({ rev: '7777777777777' })), rev: '7777777777777' }, 'BadRev'))
  it('a rev that is not the one signed', () => expectRefusal({ ...good, rev: '3zzzzzzzzzzzz' }, 'BadRev'))
  it('what is no event', async () => {
    await expect(mirror.accept(99, Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ error: 'BadEvent' })
  })
})

describe('answer', () => {
  beforeEach(async () => {
    await accept(await pod.begin())
    await accept(await pod.write(Array.from({ length: 30 }, (_, i) => create(POST, `k${String(i).padStart(2, '0')}`, post(`${i}`)))))
    await accept(await pod.write([create('app.bsky.actor.profile', 'self', { $type: 'app.bsky.actor.profile', displayName: 'A' })]))
  })
  const jsonOf = async (path: string, online = true) => (await ask(path, online))!.json()

  it('is null before anybody is bound', async () => {
    const empty = new MemoryPort()
    const other = await Mirror.open(empty, await Firehose.open(empty))
    expect(await other.answer(new Request('https://pod.example/.well-known/did.json'), { online: false, seenAt: SEEN_AT })).toBeNull()
  })

  it('of a pod without a repo here is its documents, and the tab’s own word while that is open', async () => {
    const empty = new MemoryPort()
    const bare = await Mirror.open(empty, await Firehose.open(empty))
    const identity = pod.identity()
    const documents = { ...identity.documents, '/.well-known/atproto-did': DID, '/xrpc/com.atproto.server.describeServer': '{"did":"x"}' }
    await bare.bind({ ...identity, documents })
    const get = (path: string, online: boolean) => bare.answer(new Request(`https://pod.example${path}`), { online, seenAt: SEEN_AT })
    for (const online of [true, false]) {
      expect(await (await get('/.well-known/did.json', online))!.json()).toMatchObject({ id: DID })
      expect(await (await get('/.well-known/atproto-did', online))!.text()).toBe(DID)
      expect(await (await get('/xrpc/com.atproto.server.describeServer', online))!.json()).toEqual({ did: 'x' })
      expect(await (await get(`/xrpc/com.atproto.identity.resolveHandle?handle=${identity.handle}`, online))!.json()).toEqual({ did: DID })
      expect(await get(`/xrpc/com.atproto.repo.describeRepo?repo=${DID}`, online)).toBeNull()
    }
    for (const path of ['getRepo', 'getLatestCommit', 'getRepoStatus', 'listBlobs']) {
      expect(await get(`/xrpc/com.atproto.sync.${path}?did=${DID}`, true)).toBeNull()
      const response = (await get(`/xrpc/com.atproto.sync.${path}?did=${DID}`, false))!
      expect([response.status, (await response.json()).error]).toEqual([400, 'RepoNotFound'])
    }
    expect(await (await get('/xrpc/com.atproto.sync.listRepos', false))!.json()).toEqual({ repos: [] })
    await bare.bind({ ...identity, did: 'did:plc:abcdefghijklmnopqrstuvwx', documents })
    expect((await get('/.well-known/did.json', true))!.status).toBe(404)
  })

  it('names a new handle at once, everywhere', async () => {
    const identity = pod.identity()
    const didDoc = { id: DID, alsoKnownAs: ['at://new.example'] }
    const documents = {
      '/.well-known/did.json': JSON.stringify(didDoc),
      '/xrpc/com.atproto.identity.resolveDid': JSON.stringify({ didDoc }),
    }
    await mirror.bind({ ...identity, handle: 'new.example', documents })
    for (const online of [true, false]) {
      const described = await jsonOf('/xrpc/com.atproto.repo.describeRepo?repo=new.example', online)
      expect(described).toMatchObject({ did: DID, handle: 'new.example', handleIsCorrect: true, didDoc })
      expect(await jsonOf('/xrpc/com.atproto.identity.resolveHandle?handle=new.example', online)).toEqual({ did: DID })
      expect(await ask(`/xrpc/com.atproto.identity.resolveHandle?handle=${identity.handle}`, online)).toBeNull()
      expect(await jsonOf('/.well-known/did.json', online)).toEqual(didDoc)
    }
  })

  it('reads records in pages, newest first and oldest first', async () => {
    const base = `/xrpc/com.atproto.repo.listRecords?repo=alice.pod.example&collection=${POST}&limit=20`
    const first = await jsonOf(base)
    expect(first.records).toHaveLength(20)
    expect(first.records[0]).toMatchObject({ uri: `at://${DID}/${POST}/k29`, value: post('29') })
    const second = await jsonOf(`${base}&cursor=${first.cursor}`)
    expect(second.records.map(({ uri }: { uri: string }) => uri.slice(-3))).toEqual(
      Array.from({ length: 10 }, (_, i) => `k${String(9 - i).padStart(2, '0')}`),
    )
    expect((await jsonOf(`${base}&reverse=true&cursor=k03`)).records[0].uri).toMatch(/k04$/)
    expect(await jsonOf(`/xrpc/com.atproto.repo.describeRepo?repo=${DID}`)).toMatchObject({
      did: DID,
      collections: ['app.bsky.actor.profile', POST],
      handleIsCorrect: true,
    })
  })

  it("answers errors with the reference PDS's codes", async () => {
    const errorOf = async (path: string) => [(await ask(path))!.status, (await jsonOf(path)).error]
    expect(await errorOf(`/xrpc/com.atproto.repo.getRecord?repo=${DID}&collection=${POST}&rkey=none`)).toEqual([400, 'RecordNotFound'])
    expect(await errorOf('/xrpc/com.atproto.sync.getRepo?did=did:web:other.example')).toEqual([400, 'RepoNotFound'])
    expect(await errorOf('/xrpc/com.atproto.sync.getRepo')).toEqual([400, 'InvalidRequest'])
    expect(
      await errorOf(`/xrpc/com.atproto.sync.getBlocks?did=${DID}&cids=bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku`),
    ).toEqual([400, 'BlockNotFound'])
    await mirror.accept(++pod.event, encodeEvent({ kind: 'account', did: DID, active: false, status: 'deactivated' }))
    expect(await errorOf(`/xrpc/com.atproto.sync.getRepo?did=${DID}`)).toEqual([400, 'RepoDeactivated'])
    expect(await jsonOf(`/xrpc/com.atproto.sync.getRepoStatus?did=${DID}`)).toEqual({ did: DID, active: false, status: 'deactivated' })
  })

  it('shows nothing of an account that is not active, and leaves it to the tab whether it is asked by itself', async () => {
    await mirror.accept(++pod.event, encodeEvent({ kind: 'account', did: DID, active: false, status: 'deactivated' }))
    const record = `/xrpc/com.atproto.repo.getRecord?repo=${DID}&collection=${POST}&rkey=k05`
    const repo = `/xrpc/com.atproto.sync.getRepo?did=${DID}`
    const answerOf = async (path: string, { online = false, authorization = '' } = {}) =>
      (
        await mirror.answer(new Request(`https://pod.example${path}`, authorization === '' ? {} : { headers: { authorization } }), {
          online,
          seenAt: SEEN_AT,
        })
      )?.status ?? null
    expect(await answerOf(record)).toBe(400)
    expect(await answerOf(`/xrpc/com.atproto.repo.listRecords?repo=${DID}&collection=${POST}`)).toBe(400)
    expect(await answerOf(record, { online: true })).toBeNull()
    expect(await answerOf(repo, { online: true })).toBe(400)
    expect(await answerOf(repo, { online: true, authorization: 'Bearer x' })).toBeNull()
    expect(await answerOf(repo, { authorization: 'Bearer x' })).toBe(400)
  })

  it('proves that a record is there, and that one is not', async () => {
    const proofOf = async (rkey: string) =>
      bytesOf(await ask(`/xrpc/com.atproto.sync.getRecord?did=${DID}&collection=${POST}&rkey=${rkey}`))
    const cid = CID.parse(pod.records.get(`${POST}/k05`)!)
    const there = await verifyProofs(await proofOf('k05'), [{ collection: POST, rkey: 'k05', cid }], DID, pod.keypair.did())
    expect(there.unverified).toHaveLength(0)
    const absent = await verifyProofs(await proofOf('none'), [{ collection: POST, rkey: 'none', cid: null }], DID, pod.keypair.did())
    expect(absent.unverified).toHaveLength(0)
  })

  it('exports only what is newer than `since`', async () => {
    const { rev } = pod.head()
    const old = await readCarWithRoot(await exported())
    await accept(await pod.write([create(POST, 'later', post('later'))]))
    const whole = await readCarWithRoot(await exported())
    const diff = await readCarWithRoot(await exported(`&since=${rev}`))
    expect(diff.blocks.cids().every((cid) => whole.blocks.has(cid) && !old.blocks.has(cid))).toBe(true)
    expect(diff.blocks.size).toBe(whole.blocks.cids().filter((cid) => !old.blocks.has(cid)).length)
  })

  it('exports the repo as it was asked for, though commits change it under the reader', async () => {
    await accept(await pod.write(Array.from({ length: 190 }, (_, i) => create('a.b.c', `x${i}`, post('long '.repeat(1000) + i)))))
    mirror = await Mirror.open(port, firehose)
    const { commit } = pod.head()
    const response = await ask(`/xrpc/com.atproto.sync.getRepo?did=${DID}`)
    const reader = response!.body!.getReader()
    const parts = [(await reader.read()).value!]
    for (let i = 0; i < 5; i++) await accept(await pod.write(Array.from({ length: 30 }, (_, n) => remove('a.b.c', `x${i * 30 + n}`))))
    for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value)
    const { root, blocks } = await readCarWithRoot(Buffer.concat(parts))
    expect(root.toString()).toBe(commit)
    expect((await verifyRepo(blocks, root, DID, pod.keypair.did())).creates).toHaveLength(221)
  })

  it('says how old it is while the tab is closed', async () => {
    port.clockOffsetMs = 60_000
    const response = await ask(`/xrpc/com.atproto.sync.getLatestCommit?did=${DID}`, false)
    expect(response!.headers.get('atproto-repo-rev')).toBe(pod.head().rev)
    expect(Number(response!.headers.get('x-tabpod-mirror-age'))).toBeGreaterThanOrEqual(59)
    const now = port.now()
    const seen = async (seenAt: number, online = false) =>
      (await mirror.answer(new Request('https://pod.example/.well-known/atproto-did'), { online, seenAt }))!.headers
    expect((await seen(now - 1000)).get('x-tabpod-tab-seen')).toBe(new Date(now - 1000).toISOString())
    // The room was killed before it could note more: the commit shows that the tab was there.
    expect(Date.parse((await seen(0)).get('x-tabpod-tab-seen')!)).toBeGreaterThan(now - 120_000)
    expect((await seen(now, true)).get('x-tabpod-mirror-rev')).toBe(pod.head().rev)
    expect((await seen(now, true)).has('x-tabpod-mirror-age')).toBe(false)
    expect(await (await ask('/.well-known/atproto-did'))!.text()).toBe(DID)
    expect(await jsonOf('/xrpc/com.atproto.identity.resolveHandle?handle=Alice.pod.example')).toEqual({ did: DID })
    expect(await ask('/xrpc/com.atproto.identity.resolveHandle?handle=bob.example')).toBeNull()
  })

  it('of a pod without a did:web do not pretend one, tab open or closed', async () => {
    const identity = pod.identity()
    expect((await ask('/.well-known/did.json'))!.status).toBe(200)
    const { '/.well-known/did.json': _, ...documents } = identity.documents
    await mirror.bind({ ...identity, documents })
    for (const online of [true, false]) expect((await ask('/.well-known/did.json', online))!.status).toBe(404)
    expect(await jsonOf(`/xrpc/com.atproto.identity.resolveDid?did=${DID}`)).toMatchObject({ didDoc: { id: DID } })
  })
})

describe('blobs', () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000)).slice()
  const whole = new Uint8Array(300_000).map((_, i) => bytes[i % bytes.length]!)
  let cid: string
  beforeEach(async () => {
    cid = CID.createV1(
      0x55,
      (await import('multiformats/hashes/digest')).create(0x12, new Uint8Array(await crypto.subtle.digest('SHA-256', whole))),
    ).toString()
    await accept(await pod.begin())
  })
  const url = () => `/xrpc/com.atproto.sync.getBlob?did=${DID}&cid=${cid}`
  const picture = () => ({ $type: POST, image: { $type: 'blob', ref: CID.parse(cid), mimeType: 'image/png', size: whole.length } })

  it('are served whole and in ranges, listed while a record mentions them, and gone after', async () => {
    await mirror.storeBlob({ cid, mime: 'image/png', size: whole.length }, chunks(whole, 70_001))
    await accept(await pod.write([create(POST, 'pic', picture()), create(POST, 'pic2', picture())]))
    const response = (await ask(url()))!
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
    expect(await bytesOf(response)).toEqual(whole)
    const range = (await mirror.answer(new Request(`https://pod.example${url()}`, { headers: { range: 'bytes=122870-122889' } }), {
      online: true,
      seenAt: SEEN_AT,
    }))!
    const known = (await mirror.answer(new Request(`https://pod.example${url()}`, { headers: { 'if-none-match': `"${cid}"` } }), {
      online: true,
      seenAt: SEEN_AT,
    }))!
    expect([known.status, known.body]).toEqual([304, null])
    expect([range.status, range.headers.get('content-range')]).toEqual([206, 'bytes 122870-122889/300000'])
    expect(await bytesOf(range)).toEqual(whole.slice(122_870, 122_890))
    expect(await (await ask(`/xrpc/com.atproto.sync.listBlobs?did=${DID}`))!.json()).toEqual({ cids: [cid], cursor: cid })
    await accept(await pod.write([remove(POST, 'pic')]))
    expect((await ask(url()))!.status).toBe(200)
    await accept(await pod.write([update(POST, 'pic2', post('no picture'))]))
    expect(await ask(url())).toBeNull()
    expect((await ask(url(), false))!.status).toBe(400)
    expect([...port.storage.rows.keys()].filter((key) => /^[mxyfguw]:/.test(key))).toEqual([])
  })

  it('leave nothing behind when their bytes are wrong', async () => {
    const wrong = whole.slice()
    wrong[7]! ^= 1
    await expect(mirror.storeBlob({ cid, mime: 'image/png', size: whole.length }, chunks(wrong))).rejects.toMatchObject({
      error: 'BadBlob',
    })
    await expect(mirror.storeBlob({ cid, mime: 'image/png', size: 10 }, chunks(whole))).rejects.toMatchObject({ error: 'BadBlob' })
    expect([...port.storage.rows.keys()].filter((key) => /^[mxyuw]:/.test(key))).toEqual([])
  })
})
