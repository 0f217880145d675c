/**
 * A room may lose its memory between any two frames: here it does, after each one of a whole life of a pod, and in the end everything is as if it had not: storage row for
 * row, answers, and what every subscriber heard.
 */
import { createHash } from 'node:crypto'
import { sha256 } from 'multiformats/hashes/sha2'
import { CID } from 'multiformats/cid'
import fc from 'fast-check'
import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { encodeEvent, type CommitEvent, type PodEvent } from '../wire/event.ts'
import { REPLAYABLE_BODY_BYTES } from '../wire/limits.ts'
import { type Eviction, FragileRuntime } from './testing/fragile-runtime.ts'
import { type BlobBytes, HealingTab, LONG_ANSWER, type Utterance } from './testing/healing-tab.ts'
import { Listener } from './testing/listener.ts'
import { create, DID, remove, SigningPod, update } from './testing/signing-pod.ts'
import { newKeys, type TabKeys } from './testing/tab.ts'

const COLLECTION = 'app.bsky.feed.post'
const SHORT = { $type: COLLECTION, text: 'hi' }

interface Life {
  readonly keys: TabKeys
  readonly story: readonly Utterance[]
  readonly blob: BlobBytes
  readonly nowMs: number
}

type Action = 'say' | 'short' | 'upload' | 'long' | 'replay' | 'live' | 'egress' | 'mail' | 'rename' | 'takeover'

/** All there is, once at least: ten things are said, two of them after another tab has taken over. */
const WHOLE_LIFE: readonly Action[] = [
  ...(['replay', 'say', 'say', 'say', 'short', 'say', 'replay', 'upload', 'long', 'say', 'live', 'egress', 'mail'] as const),
  ...(['rename', 'say', 'say', 'say', 'say', 'takeover', 'say', 'short'] as const),
]

/** What remains of a life, and was seen of it. Of bytes only a digest, or telling them apart would take longer than all lives together. */
interface Traces {
  readonly rows: Record<string, string>
  readonly answers: readonly unknown[]
  /** By each consumer of the firehose. */
  readonly heard: ReadonlyArray<readonly string[]>
  readonly kinds: readonly string[]
  readonly frames: number
  readonly evicted: FragileRuntime['evicted']
}

let life: Life
let uneventful: Traces

beforeAll(async () => {
  life = await writeLife()
  uneventful = await live(WHOLE_LIFE, [])
}, 60_000)
afterEach(() => vi.unstubAllGlobals())

/** Made once: every run says the same. */
const writeLife = async (): Promise<Life> => {
  const pod = await SigningPod.create()
  const bytes = Uint8Array.from({ length: 300_000 }, (_, at) => (at * 7 + (at >> 8)) % 251)
  const blob: BlobBytes = { cid: CID.createV1(0x55, await sha256.digest(bytes)).toString(), mime: 'image/png', bytes }
  const picture = { ...SHORT, image: { $type: 'blob', ref: CID.parse(blob.cid), mimeType: blob.mime, size: bytes.length } }
  const story: Utterance[] = []
  const tell = (event: PodEvent, blobs: readonly BlobBytes[] = []): void => {
    const rev = event.kind === 'commit' ? event.rev : null
    story.push({ kind: 'event', event: (pod.event += 1), rev, body: encodeEvent(event), blobs })
  }
  const commit = (event: Promise<CommitEvent>): Promise<void> => event.then((made) => tell(made))
  await commit(pod.begin())
  tell({ kind: 'identity', did: DID, handle: 'alice.test' })
  await commit(pod.write([create(COLLECTION, 'one', SHORT), create(COLLECTION, 'two', SHORT)]))
  tell(await pod.write([create(COLLECTION, 'picture', picture)]), [blob])
  // Longer than two frames.
  await commit(pod.write([create(COLLECTION, 'long', { ...SHORT, text: 'x'.repeat(300_000) })]))
  tell({ kind: 'identity', did: DID, handle: 'carol.test' })
  // An import: nobody is told of the way there.
  const replaces = pod.head().commit
  await pod.write(Array.from({ length: 40 }, (_, n) => create(COLLECTION, `imported-${n}`, { ...SHORT, text: 'y'.repeat(5000 + n) })))
  story.push({ kind: 'snapshot', replaces, head: pod.head(), car: pod.car() })
  await commit(pod.write([update(COLLECTION, 'one', { ...SHORT, text: 'changed' })]))
  await commit(pod.write([remove(COLLECTION, 'two'), remove(COLLECTION, 'imported-3')]))
  await commit(pod.write([create(COLLECTION, 'last', SHORT)]))
  tell({ kind: 'account', did: DID, active: false, status: 'deleted' })
  return { keys: await newKeys(pod.identity().signingKey), story, blob, nowMs: Date.now() + 60_000 }
}

const brief = (value: unknown): string => {
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return `${part.length} bytes ${createHash('sha256').update(part).digest('base64url')}`
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
  return text.length > 300 ? `${text.slice(0, 200)} … ${createHash('sha256').update(text).digest('base64url')}` : text
}

const READS = [
  `com.atproto.sync.getRepo?did=${DID}`,
  `com.atproto.sync.getLatestCommit?did=${DID}`,
  `com.atproto.sync.listBlobs?did=${DID}`,
  `com.atproto.repo.describeRepo?repo=${DID}`,
  `com.atproto.repo.listRecords?repo=${DID}&collection=${COLLECTION}&limit=100`,
]

const live = async (script: readonly Action[], evictions: readonly Eviction[]): Promise<Traces> => {
  const runtime = new FragileRuntime(life.nowMs, evictions)
  vi.stubGlobal('fetch', () => runtime.during(async () => new Response('from elsewhere')))
  const answers: unknown[] = []
  const listeners: Listener[] = []
  const said = script.filter((action) => action === 'say').length
  const story = [...life.story.slice(0, said), ...life.story.slice(-1)]
  let tab = new HealingTab(runtime, life.keys, story)
  await tab.online()
  /** Again until it is answered, as clients do. */
  const ask = async (path: string, init?: RequestInit): Promise<void> => {
    for (;;) {
      const answer = await runtime.request(`/xrpc/${path}`, init).catch(() => null)
      if (answer && answer.status < 500) return void answers.push([path, answer.status, brief(answer.body)])
      await new Promise(setImmediate)
    }
  }
  const act: Readonly<Record<Action, () => Promise<void>>> = {
    say: () => tab.say(),
    short: () => ask('x.short', { method: 'POST', body: 'a write' }),
    upload: () => ask('x.upload', { method: 'POST', body: new Uint8Array(REPLAYABLE_BODY_BYTES + 100_000) }),
    long: () => ask('x.long'),
    replay: async () => void listeners.push(await Listener.open(runtime, 0)),
    live: async () => {
      await runtime.idle()
      const numbers = [...runtime.rows.keys()].map((key) => Number(/^e:(\d+)/.exec(key)?.[1] ?? 0))
      listeners.push(await Listener.open(runtime, null, Math.max(0, ...numbers)))
    },
    egress: () =>
      tab.during(async (uplink) => {
        uplink.send({ t: 'egress', id: 1, method: 'GET', url: 'https://elsewhere.example/', headers: [], body: 'none' })
        answers.push((await uplink.next('fetched')).status)
      }),
    mail: () =>
      tab.during(async (uplink) => {
        uplink.send({ t: 'mail', id: 1, to: 'a@b.example', purpose: 'confirm-email', token: 'ABCDE' })
        answers.push((await uplink.next('mailed')).error)
      }),
    rename: () => {
      tab.handle = 'carol.test'
      return tab.during(async (uplink) => uplink.send({ t: 'documents', handle: tab.handle, documents: {} }))
    },
    takeover: async () => {
      tab.leave()
      tab = tab.successor()
      await tab.online()
    },
  }
  for (const action of script) await act[action]()

  await runtime.idle()
  for (const path of READS) await ask(path)
  // Else the tab would be asked.
  if (said >= SAID_WITH_BLOB) await ask(`com.atproto.sync.getBlob?did=${DID}&cid=${life.blob.cid}`)
  await tab.online()
  await runtime.idle()
  const rows = Object.fromEntries([...runtime.rows].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, brief(value)]))

  await tab.say()
  await tab.during(async (uplink) => {
    uplink.send({ t: 'release' })
    await uplink.next('released')
    tab.leave()
  })
  await runtime.idle()
  answers.push(JSON.parse(Buffer.from((await runtime.request('/xrpc/_tabpod/status')).body).toString()))
  answers.push([...runtime.rows.keys()].filter((key) => !OUTLIVES_THE_POD.test(key)))
  const { frames, evicted } = runtime
  const kinds = listeners[0]?.heard.map(({ t }) => t) ?? []
  return { rows, answers, heard: listeners.map(({ heard }) => heard.map(brief)), kinds, frames, evicted }
}

/** What the firehose said, its numbers, and counters. */
const OUTLIVES_THE_POD = /^(e:|a:|seq$|seen$|blob-bytes$)/

/** A life takes a tenth of a second. */
const HANGS_AFTER_MS = 20_000
const RANDOM_LIVES = 20
/** The story without its end. */
const MOST_SAID = 10
const SAID_WITH_BLOB = 4

const within = <T>(work: Promise<T>): Promise<T> => {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('it hangs')), HANGS_AFTER_MS)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

const expectSame = (traces: Traces, expected: Traces): void => {
  expect(traces.answers).toEqual(expected.answers)
  expect(traces.rows).toEqual(expected.rows)
  expect(traces.heard).toEqual(expected.heard)
}

test('the life that is compared with is whole', () => {
  const kinds = ['commit', 'identity', 'commit', 'commit', 'commit', 'identity', 'sync', 'commit', 'commit', 'commit', 'account']
  expect(uneventful.kinds).toEqual(kinds.map((kind) => `#${kind}`))
  const [first, replayed, live] = uneventful.heard
  expect(replayed).toEqual(first)
  expect(live).toEqual(first?.slice(5))
  expect(uneventful.answers).toContainEqual(['x.long', 200, brief(LONG_ANSWER)])
  expect(uneventful.answers.slice(-2)).toMatchObject([{ bound: false, did: null, rev: null }, []])
})

describe.each(['sleep', 'crash'] as const)('a %s', (how) => {
  test('after any frame changes nothing of what remains, and nobody misses or hears twice', async () => {
    let evicted = 0
    for (let after = 1; after < uneventful.frames; after += 1) {
      try {
        const traces = await within(live(WHOLE_LIFE, [{ after, how }]))
        evicted += traces.evicted[how]
        expectSame(traces, uneventful)
      } catch (cause) {
        throw new Error(`after frame ${after} of ${uneventful.frames}: ${cause instanceof Error ? cause.message : String(cause)}`, {
          cause,
        })
      }
    }
    // With a request under way no runtime puts a room to sleep.
    expect(evicted).toBeGreaterThan(uneventful.frames / 2)
  }, 300_000)
})

test('any life with any losses of memory leaves what it leaves without', async () => {
  const action = fc.constantFrom<Action[]>('say', 'say', 'short', 'upload', 'long', 'replay', 'live', 'egress', 'mail', 'takeover')
  const script = fc
    .array(action, { minLength: 3, maxLength: 14 })
    .map((actions) => actions.filter((_, at) => countOf('say', actions.slice(0, at + 1)) < MOST_SAID))
  const eviction = fc.record({ after: fc.integer({ min: 1, max: 150 }), how: fc.constantFrom('sleep' as const, 'crash' as const) })
  await fc.assert(
    fc.asyncProperty(script, fc.array(eviction, { minLength: 1, maxLength: 6 }), async (actions, evictions) => {
      expectSame(await within(live(['say', ...actions], evictions)), await within(live(['say', ...actions], [])))
    }),
    { numRuns: RANDOM_LIVES },
  )
}, 300_000)

const countOf = (wanted: Action, actions: readonly Action[]): number => actions.filter((action) => action === wanted).length
