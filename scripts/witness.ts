/** An outsider who takes nobody's word: follows the firehose and checks repos with the official libraries and the key in the DID document. */
import { type DidCache, IdResolver } from '@atproto/identity'
import { cborToLexRecord, readCar, type VerifiedRepo, verifyRepoCar } from '@atproto/repo'
import { type Event, Firehose } from '@atproto/sync'

/** A follower waits this long for something that has already been acknowledged to the writer. */
const PATIENCE_MS = 30_000
const RECONNECT_MS = 200

/** @atproto/identity refuses http and loopback by default, rightly; here the pod under test is exactly there. */
export const newResolver = (plcUrl?: string, didCache?: DidCache): IdResolver =>
  new IdResolver({ fetch: fetchOrSay, ...(plcUrl !== undefined && { plcUrl }), ...(didCache && { didCache }) })

/** To the library any answer but 200 is a DID that there is not. */
const fetchOrSay: typeof fetch = async (input, init) => {
  const answer = await fetch(input, init)
  if (answer.status >= 500) throw new Error(`${answer.url} answered ${answer.status}: ${await answer.text()}`)
  return answer
}

export interface PublishedRecord {
  readonly collection: string
  readonly rkey: string
  readonly value: Readonly<Record<string, unknown>>
}

/** The repo as the address serves it now, every block, node and the signature verified. @throws RepoVerificationError */
export const fetchVerifiedRepo = async (
  url: string,
  did: string,
  plcUrl?: string,
): Promise<VerifiedRepo & { readonly bytes: number; readonly records: readonly PublishedRecord[] }> => {
  const answer = await fetch(`${url}/xrpc/com.atproto.sync.getRepo?did=${encodeURIComponent(did)}`)
  if (!answer.ok) throw new Error(`getRepo answered ${answer.status}: ${await answer.text()}`)
  const car = new Uint8Array(await answer.arrayBuffer())
  const verified = await verifyRepoCar(car, did, await newResolver(plcUrl).did.resolveAtprotoKey(did, true))
  const { blocks } = await readCar(car)
  const records = verified.creates.map(({ collection, rkey, cid }) => ({ collection, rkey, value: cborToLexRecord(blocks.get(cid)!) }))
  return { ...verified, bytes: car.byteLength, records }
}

export interface Follower {
  /** Everything so far, in the order it came. Commits are here only with signature and op proofs verified. */
  readonly events: readonly Event[]
  /** Whatever did not verify, and broken connections. */
  readonly errors: readonly Error[]
  /** The first event, past or future, that `wanted` accepts. @throws when it does not come. */
  until(wanted: (event: Event) => boolean): Promise<Event>
  stop(): Promise<void>
}

/** Follows from `cursor` (0 = the oldest kept) and resumes after a broken connection where it was. `plcUrl`: the directory for did:plc. */
export const follow = (url: string, cursor = 0, plcUrl?: string): Follower => {
  const events: Event[] = []
  const errors: Error[] = []
  const listeners = new Set<() => void>()
  const firehose = new Firehose({
    idResolver: newResolver(plcUrl),
    service: url.replace(/^http/, 'ws'),
    // `.test` handles have no well-known address an outsider could ask; DIDs and commits are verified all the same.
    unauthenticatedHandles: true,
    subscriptionReconnectDelay: RECONNECT_MS,
    getCursor: () => events.at(-1)?.seq ?? cursor,
    handleEvent: (event) => {
      events.push(event)
      for (const listener of listeners) listener()
    },
    onError: (error) => void errors.push(error),
  })
  void firehose.start()

  const until = (wanted: (event: Event) => boolean): Promise<Event> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = events.find(wanted)
        if (found) settle(() => resolve(found))
      }
      const settle = (done: () => void): void => {
        clearTimeout(timer)
        listeners.delete(look)
        done()
      }
      const timer = setTimeout(
        () => settle(() => reject(new Error(`the firehose did not bring it; ${describe(events, errors)}`))),
        PATIENCE_MS,
      )
      listeners.add(look)
      look()
    })
  return { events, errors, until, stop: () => firehose.destroy() }
}

const describe = (events: readonly Event[], errors: readonly Error[]): string =>
  `${events.length} events came, the last with seq ${events.at(-1)?.seq ?? 'none'}; errors: ${errors.map(explain).join('; ') || 'none'}`

const explain = (error: unknown): string =>
  error instanceof Error ? `${error.name} ${error.message} ${error.cause ? `(${explain(error.cause)})` : ''}` : String(error)
