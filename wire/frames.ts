/**
 * What travels on the uplink, the WebSocket between a pod's worker and its room. Read this file first; `docs/protocol.md` tells the story.
 *
 * One binary message is one frame: a JSON head (below) and, where the head says so, a payload of raw bytes (`codec.ts`).
 * Both sides parse every head with these schemas; a frame that does not fit ends the connection with `BadFrame`.
 */
import * as v from 'valibot'
import { MAX_FEDCM_ACCOUNTS_CHARS, MAX_FEDCM_SESSIONS } from './fedcm-limits.ts'
import { MAX_ASKED_CIDS, MAX_DOCUMENT_CHARS, MAX_EGRESS_URL_CHARS, MAX_EVENT_BYTES, MAX_RELAYS } from './limits.ts'

/** Offered as WebSocket subprotocol; a breaking change gets a new name. */
export const UPLINK_PROTOCOL = 'tabpod.v1'
export const UPLINK_PATH = '/xrpc/_tabpod/uplink'
/** GET: what the room is willing to tell anyone about itself (`RoomStatus`). */
export const STATUS_PATH = '/xrpc/_tabpod/status'

const streamId = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const eventNumber = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const byteCount = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const text = (max: number) => v.pipe(v.string(), v.maxLength(max))
const headerList = v.pipe(v.array(v.tuple([text(256), text(16_384)])), v.maxLength(128))
const httpStatus = v.pipe(v.number(), v.integer(), v.minValue(200), v.maxValue(599))
/** `none`: no body. `whole`: the payload is the body. `stream`: `body` frames with this id follow. */
const bodyKind = v.picklist(['none', 'whole', 'stream'])
const head = v.object({ rev: text(32), commit: text(128), data: text(128) })
/** CID of the mirror's commit, which the pod knows as one of its own. Absent where it does not: then the room gives up nothing that this pod's key has signed. */
const replaces = v.optional(text(128))
const publicJwk = v.object({ kty: v.literal('EC'), crv: v.literal('P-256'), x: text(64), y: text(64) })

const streamOf = v.picklist(['request', 'response', 'blob', 'snapshot', 'repair', 'egress-request', 'egress-response'])

/** A piece of a streamed body. Streams are numbered by the side that opened them; `of` says whose number it is. */
const body = v.object({ t: v.literal('body'), of: streamOf, id: streamId, end: v.boolean() })
/** The reader of a stream allows `bytes` more. Every stream starts with STREAM_WINDOW_BYTES. */
const credit = v.object({ t: v.literal('credit'), of: streamOf, id: streamId, bytes: byteCount })
/** Either side gives a stream up. On a request it means: the client is gone, stop. On a response: the body broke off. */
const cancel = v.object({ t: v.literal('cancel'), of: streamOf, id: streamId, reason: text(512) })

/**
 * What the shim's operator chose for the pods behind it; null where nothing was named. `appview`: `did#service`; `plc`: URL of the PLC directory;
 * `mail`: whether the room can send mail to the owner.
 */
const services = v.object({ appview: v.nullable(text(2048)), plc: v.nullable(text(2048)), mail: v.boolean() })

/**
 * How the account stands. `vacant`: a pod that waits for an account to move in; its DID is the did:web of the host. `arriving`: the account is here, its
 * DID document does not point here yet. Of both nothing is mirrored and nothing goes out. `deactivated`: it was active here; what it says of itself goes out.
 */
const standing = v.picklist(['vacant', 'arriving', 'active', 'deactivated'])

/** What a mail to the owner is about; the room words it. */
const mailPurpose = v.picklist(['confirm-email', 'update-email', 'reset-password', 'plc-operation', 'delete-account'])

/** CIDs of a list that is asked about; more go in several frames. */
const cids = v.pipe(v.array(text(128)), v.maxLength(MAX_ASKED_CIDS))

/**
 * How a relay sees this host, as `com.atproto.sync.getHostStatus` tells. `askedAt`: the last requestCrawl, `checkedAt`: the last look at the status, both in ms
 * since 1970, null for never. `status`: the relay's word, null where it does not know this host or gave none; `seq`: the last event that it has, as far as it says;
 * `lacksSince`: when the first event that it lacks went out, in ms since 1970, null where it has all. `error`: a sentence, where the last look failed, or the relay
 * refused to crawl and does not follow.
 */
const relayView = v.object({
  url: text(2048),
  askedAt: v.nullable(v.number()),
  checkedAt: v.nullable(v.number()),
  status: v.nullable(text(64)),
  seq: v.nullable(v.number()),
  lacksSince: v.nullable(v.number()),
  error: v.nullable(text(512)),
})

const roomFrames = [
  /** First frame of a connection. `nonce` is fresh for each connection. */
  v.object({
    t: v.literal('challenge'),
    host: text(300),
    nonce: text(64),
    bound: v.boolean(),
    policy: v.picklist(['open', 'token', 'closed']),
  }),
  /** The tab is admitted. `mirror` is what the room has verified of this repo so far, null for none. */
  v.object({ t: v.literal('welcome'), mirror: v.nullable(head), event: eventNumber, services }),
  /** The tab is not admitted, or no longer; the connection closes after it. */
  v.object({ t: v.literal('refused'), error: text(64), message: text(512) }),
  /** A request of the outside world. `key` is the same when it is sent again, so a write lands once. */
  v.object({
    t: v.literal('request'),
    id: streamId,
    key: text(64),
    method: text(16),
    /** Stands behind the origin of the pod: without its slash it would be part of that. */
    path: v.pipe(text(16_384), v.startsWith('/')),
    headers: headerList,
    body: bodyKind,
    retry: v.boolean(),
  }),
  /** The event, and all before it, are verified, mirrored and numbered; `seq` is this one's number. */
  v.object({ t: v.literal('accepted'), event: eventNumber, seq: v.number() }),
  /** The event was refused and nothing of it is kept; the tab shows it and joins anew to find common ground. */
  v.object({ t: v.literal('rejected'), event: eventNumber, error: text(64), message: text(512) }),
  v.object({ t: v.literal('blob-stored'), cid: text(128) }),
  v.object({ t: v.literal('blob-refused'), cid: text(128), error: text(64), message: text(512) }),
  v.object({ t: v.literal('snapshot-stored'), head }),
  v.object({ t: v.literal('snapshot-refused'), error: text(64), message: text(512) }),
  /** The repair of this id goes on: these blocks of its tree are not in the mirror. The tab sends each as a CAR section, in this order, in `body` frames `of: 'repair'`. */
  v.object({ t: v.literal('want'), id: streamId, cids }),
  /**
   * The answer to the `blobs` of this id: these were never here. Without `id` nobody asked: records of the mirror mention them, and they did not come, or not whole.
   * What had to make room for others is not wanted.
   */
  v.object({ t: v.literal('blobs-wanted'), id: v.optional(streamId), cids }),
  /** How the relays that the operator chose see this host: when the tab asks, and after each look at one of them. */
  v.object({ t: v.literal('relays'), relays: v.pipe(v.array(relayView), v.maxLength(MAX_RELAYS)) }),
  /** The room has forgotten the pod; `refused {error: 'Released'}` and the close follow. */
  v.object({ t: v.literal('released') }),
  /** For the owner's live strip: a request the mirror answered. Sampled (MAX_SEEN_PER_SECOND). */
  v.object({ t: v.literal('seen'), method: text(16), path: text(2048), status: v.number() }),
  /** The head of the answer to an `egress` request; a streamed body follows `of: 'egress-response'`. */
  v.object({ t: v.literal('fetched'), id: streamId, status: httpStatus, headers: headerList, body: bodyKind }),
  v.object({ t: v.literal('unfetched'), id: streamId, error: text(64), message: text(512) }),
  /** What became of a `mail`; `error` is absent when the mail server took it. */
  v.object({ t: v.literal('mailed'), id: streamId, error: v.optional(text(64)), message: v.optional(text(512)) }),
  body,
  credit,
  cancel,
] as const

const tabFrames = [
  /**
   * The answer to `challenge`. `sig` is ES256 (raw r‖s, base64url) by the uplink key over `joinMessage(...)`.
   * `did`, `handle`, `signingKey` (did:key) and `documents` become what the room serves and verifies by.
   */
  v.object({
    t: v.literal('hello'),
    did: text(2048),
    handle: text(253),
    signingKey: text(256),
    standing,
    uplinkKey: publicJwk,
    /** did:key (P-256) of the owner's recovery key, which the room remembers with the binding. */
    recoveryKey: v.optional(text(256)),
    /** ES256 by the recovery key that the room remembers, over `recoveryMessage(...)`: the room turns to this uplink key. */
    recovery: v.optional(text(128)),
    claim: v.optional(text(256)),
    sig: text(128),
    /** Public documents the mirror serves while the tab is closed, by path, as JSON text. */
    documents: v.record(text(256), text(MAX_DOCUMENT_CHARS)),
  }),
  /** The outbox is sent and the pod takes requests now. */
  v.object({ t: v.literal('ready') }),
  /** Something for the firehose. The payload (and `event-part` payloads after it, up to `size`) is the event's CBOR, see `event.ts`. */
  v.object({ t: v.literal('event'), event: eventNumber, size: v.pipe(byteCount, v.maxValue(MAX_EVENT_BYTES)) }),
  v.object({ t: v.literal('event-part'), event: eventNumber }),
  v.object({
    t: v.literal('response'),
    id: streamId,
    status: httpStatus,
    headers: headerList,
    body: bodyKind,
  }),
  /** A referenced blob for the mirror; `body` frames `of: 'blob'` follow. Sent before the commit that mentions it. */
  v.object({ t: v.literal('blob'), id: streamId, cid: text(128), mime: text(256), size: byteCount }),
  /** The whole repo as CAR, when the mirror cannot be brought up to date by events; `body` frames `of: 'snapshot'` follow. */
  v.object({ t: v.literal('snapshot'), id: streamId, head, replaces }),
  /**
   * The mirror holds another tree than this head's, and no events lead from one to the other: the room asks for what it lacks (`want`), from the commit down. It
   * answers as to a snapshot: `snapshot-stored`, or `snapshot-refused` (`TooDifferent`: a snapshot is cheaper).
   */
  v.object({ t: v.literal('repair'), id: streamId, head, replaces }),
  /** Blobs that a commit will mention, and that the pod holds; the room says which of them it wants. */
  v.object({ t: v.literal('blobs'), id: streamId, cids }),
  /** The owner looks: how do the relays see this host now? `crawl`: and wants them asked to crawl, those that were not lately. */
  v.object({ t: v.literal('relays'), crawl: v.boolean() }),
  /** The owner deletes this pod: the room forgets its repo and its key, and is free again. The firehose keeps what it said. */
  v.object({ t: v.literal('release') }),
  /** New public documents (a handle change). */
  v.object({ t: v.literal('documents'), handle: text(253), documents: v.record(text(256), text(MAX_DOCUMENT_CHARS)) }),
  /**
   * By what the room answers browsers that ask by FedCM while the tab is closed: the answer to `/fedcm/accounts`, as JSON text, and the cookies it is for: SHA-256 of their secret (base64url), each good
   * until then (ms since 1970). It takes the place of the one before.
   */
  v.object({
    t: v.literal('fedcm'),
    accounts: text(MAX_FEDCM_ACCOUNTS_CHARS),
    sessions: v.pipe(v.array(v.object({ digest: text(64), until: v.number() })), v.maxLength(MAX_FEDCM_SESSIONS)),
  }),
  /** The pod asks its room to fetch, because CORS forbids it to the worker. A streamed body follows `of: 'egress-request'`. */
  v.object({
    t: v.literal('egress'),
    id: streamId,
    method: text(16),
    url: text(MAX_EGRESS_URL_CHARS),
    headers: headerList,
    body: bodyKind,
  }),
  /** A token for the owner, to be mailed to `to` in the room's own words. */
  v.object({ t: v.literal('mail'), id: streamId, to: text(320), purpose: mailPurpose, token: text(64) }),
  body,
  credit,
  cancel,
] as const

const roomFrame = v.variant('t', roomFrames)
const tabFrame = v.variant('t', tabFrames)

export type RoomFrame = v.InferOutput<typeof roomFrame>
export type TabFrame = v.InferOutput<typeof tabFrame>
export type FrameOf<F extends RoomFrame | TabFrame, T extends F['t']> = Extract<F, { t: T }>
export type RoomServices = v.InferOutput<typeof services>
export type StreamOf = v.InferOutput<typeof body>['of']
export type HeaderList = v.InferOutput<typeof headerList>
export type MirrorHead = v.InferOutput<typeof head>
export type Standing = v.InferOutput<typeof standing>
export type RelayView = v.InferOutput<typeof relayView>
export type MailPurpose = v.InferOutput<typeof mailPurpose>
export type PublicJwk = v.InferOutput<typeof publicJwk>

export const parseRoomFrame = (value: unknown): RoomFrame => v.parse(roomFrame, value)
export const parseTabFrame = (value: unknown): TabFrame => v.parse(tabFrame, value)

/** What the uplink key signs to join: bound to the protocol, the room, this very connection, and the keys announced. */
export const joinMessage = (join: { host: string; nonce: string; did: string; signingKey: string }): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode([UPLINK_PROTOCOL, join.host, join.nonce, join.did, join.signingKey].join('\n'))

/** What the recovery key signs to hand the room to another uplink key; `uplinkKey` is its RFC 7638 thumbprint. */
export const recoveryMessage = (join: { host: string; nonce: string; did: string; uplinkKey: string }): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode([`${UPLINK_PROTOCOL} recovery`, join.host, join.nonce, join.did, join.uplinkKey].join('\n'))

/** What STATUS_PATH answers. */
export interface RoomStatus {
  readonly host: string
  readonly policy: 'open' | 'token' | 'closed'
  readonly bound: boolean
  readonly online: boolean
  readonly did: string | null
  readonly handle: string | null
  readonly rev: string | null
  /** Address of the PLC directory whose did:plc identities this shim admits; null: did:web only. */
  readonly plc: string | null
  /** did:key that may hand this room to another browser (`hello.recovery`); null: none was announced. */
  readonly recoveryKey: string | null
}
