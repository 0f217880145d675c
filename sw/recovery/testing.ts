/** A pod that has an account, its room with the mirror, and a PLC directory, for the tests of this folder: what is said between them is real, the wires are not. */
import 'fake-indexeddb/auto'
import { parseCid } from '@atproto/lex-data'
import { XrpcError } from '../../wire/errors.ts'
import { originToDidWeb } from '../identity/did-document.ts'
import type { KeyVault } from '../identity/contract.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { makeKeys, openVault } from '../identity/key-vault.ts'
import { hashOf, hashToCid, type PlcOperation } from '../identity/plc-operation.ts'
import { createDidPlc } from '../identity/plc.ts'
import { Self } from '../identity/self.ts'
import { hashPassword } from '../account/password.ts'
import { blobService } from '../repo/blobs.ts'
import type { BlobService } from '../repo/contract.ts'
import { Repo } from '../repo/repo.ts'
import { addAppPassword } from '../store/app-passwords.ts'
import { openStore, type Store } from '../store/open.ts'
import { writePod } from '../store/pod.ts'
import { makeRecoveryFile, type RecoveryParts } from './make.ts'
import { RecoveryVoice } from './recovery-voice.ts'

export const ORIGIN = 'http://localhost:1999'
export const DIRECTORY = 'https://plc.example'
export const ELSEWHERE = 'alice.example'
export const HANDLE = 'alice.test'
export const PASSWORD = 'correct horse battery staple'
export const PASSPHRASE = 'seven green umbrellas'
export const NOTE = 'com.example.note'
export const FEW_ROUNDS = 10
export const PREFERENCES = [
  { type: 'app.bsky.actor.defs#adultContentPref', json: '{"$type":"app.bsky.actor.defs#adultContentPref","enabled":true}' },
]

/** As much of one as recovery needs. Takes every operation that follows the last. */
export class Directory {
  readonly logs = new Map<string, PlcOperation[]>()
  isDown = false
  refuses = false
  /** Takes the operation and says nothing. */
  isMute = false

  readonly fetch: Fetch = async (url, init = {}) => {
    if (this.isDown) throw new TypeError('Failed to fetch')
    const [did = '', path] = url.slice(`${DIRECTORY}/`.length).split('/')
    const log = this.logs.get(did) ?? []
    if (init.method !== 'POST') {
      return path === 'log' && log.length > 0 ? Response.json(log) : Response.json({ message: 'not registered' }, { status: 404 })
    }
    const operation = JSON.parse(String(init.body)) as PlcOperation
    const last = log.at(-1)
    const follows = operation.prev === (last ? hashToCid(await hashOf(last)) : null)
    if (this.refuses || !follows) return Response.json({ message: 'refused' }, { status: 400 })
    this.logs.set(did, [...log, operation])
    if (this.isMute) throw new TypeError('Failed to fetch')
    return new Response()
  }

  last(did: string): PlcOperation {
    const last = this.logs.get(did)?.at(-1)
    if (!last) throw new Error(`${did} is not registered`)
    return last
  }
}

/** A pod and its room. */
export class World {
  readonly directory = new Directory()
  readonly store: Store
  readonly identity: Self
  readonly vault: KeyVault
  readonly repo: Repo
  readonly blobs: BlobService
  readonly voice: RecoveryVoice
  /** What the room knows, and answers. */
  room = { bound: true, online: true, did: '', plc: DIRECTORY as string | null, recoveryKey: null as string | null }
  /** Blobs that the mirror has lost. */
  readonly evicted = new Set<string>()
  isDown = false
  /** A tab whose hello does not come through. */
  isDeaf = false
  joins = 0
  /** Stands between the mirror and whoever asks it. */
  tamper: (path: string, response: Response) => Response | Promise<Response> = (_, response) => response

  private constructor(store: Store, identity: Self, vault: KeyVault, repo: Repo, directory: Directory) {
    this.store = store
    this.identity = identity
    this.vault = vault
    this.repo = repo
    this.blobs = blobService(store)
    this.voice = new RecoveryVoice(store)
    this.directory = directory
    this.room.did = identity.did
  }

  /** `elsewhere`: a did:web whose document another host serves. */
  static async create(method: 'web' | 'plc' | 'elsewhere'): Promise<World> {
    const directory = new Directory()
    const store = await openStore(crypto.randomUUID())
    const keys = await makeKeys({ rotates: method === 'plc' })
    const vault = await openVault(keys)
    const place = { handle: HANDLE, origin: ORIGIN }
    const dids = {
      web: () => originToDidWeb(ORIGIN),
      elsewhere: () => `did:web:${ELSEWHERE}`,
      plc: () => createDidPlc(DIRECTORY, place, vault, directory.fetch),
    }
    const did = await dids[method]()
    const owner = {
      ...(await hashPassword(PASSWORD, FEW_ROUNDS)),
      failures: 3,
      lockedUntil: 0,
      email: 'alice@example.com',
      emailConfirmedAt: 5,
    }
    await writePod(store, {
      identity: { did, ...place, createdAt: '2026-01-01T00:00:00.000Z', ...(method === 'plc' && { plc: DIRECTORY }) },
      account: { standing: 'active', since: 0 },
      keys,
      owner,
      preferences: PREFERENCES,
    })
    await addAppPassword(store, {
      name: 'phone',
      privileged: false,
      createdAt: 7,
      ...(await hashPassword('abcd-efgh-ijkl-mnop', FEW_ROUNDS)),
    })
    const identity = await Self.open(store, keys.signingDidKey)
    if (!identity) throw new Error('written just now')
    return new World(store, identity, vault, await Repo.create(store, vault, did), directory)
  }

  get parts(): RecoveryParts {
    return {
      store: this.store,
      identity: this.identity,
      vault: this.vault,
      voice: this.voice,
      fetch: this.fetch,
      plc: () => DIRECTORY,
      rejoin: () => void this.join(),
      now: Date.now,
    }
  }

  /** A hello as the uplink says it. */
  async join(): Promise<void> {
    this.joins += 1
    const recoveryKey = await this.voice.announced()
    if (!this.isDeaf) this.room.recoveryKey = recoveryKey ?? this.room.recoveryKey
  }

  async makeFile(joinTimeoutMs = 15_000): Promise<string> {
    return (await makeRecoveryFile(this.parts, PASSPHRASE, { rounds: FEW_ROUNDS, joinTimeoutMs })).text
  }

  async note(rkey: string, record: Record<string, unknown> = { text: rkey }): Promise<void> {
    await this.repo.write([{ action: 'create', collection: NOTE, rkey, record: record as never }], { validate: false })
  }

  /** A note with a picture. @returns the CID of the blob */
  async picture(rkey: string, content: string): Promise<string> {
    const { cid, mime, size } = await this.blobs.upload(new Blob([content]).stream(), { mime: 'text/plain' })
    await this.note(rkey, { picture: { $type: 'blob', ref: parseCid(cid), mimeType: mime, size } })
    return cid
  }

  readonly fetch: Fetch = async (url, init = {}) => {
    if (url.startsWith(DIRECTORY)) return this.directory.fetch(url, init)
    if (url === `https://${ELSEWHERE}/.well-known/did.json`) return Response.json(this.identity.document)
    if (this.isDown) throw new TypeError('Failed to fetch')
    const { origin, pathname, searchParams } = new URL(url)
    if (origin !== ORIGIN) throw new TypeError(`nobody is at ${origin}`)
    const response = await this.#answer(pathname, searchParams).catch((cause: unknown) => {
      if (cause instanceof XrpcError) return Response.json(cause, { status: cause.status })
      throw cause
    })
    return this.tamper(pathname, response)
  }

  async #answer(path: string, params: URLSearchParams): Promise<Response> {
    const { commit, rev } = this.repo.head()
    switch (path) {
      case '/xrpc/_tabpod/status':
        return Response.json({ host: 'localhost:1999', policy: 'token', handle: HANDLE, rev, ...this.room })
      case '/.well-known/did.json':
        return Response.json(this.identity.document)
      case '/xrpc/com.atproto.sync.getLatestCommit':
        return Response.json({ cid: commit, rev })
      case '/xrpc/com.atproto.sync.getRepo':
        return new Response(this.repo.car() as ReadableStream<Uint8Array<ArrayBuffer>>)
      case '/xrpc/com.atproto.sync.listBlobs': {
        const cursor = params.get('cursor')
        return Response.json(await this.blobs.list({ limit: 2, ...(cursor !== null && { cursor }) }))
      }
      case '/xrpc/com.atproto.sync.getBlob': {
        const cid = params.get('cid') ?? ''
        const blob = this.evicted.has(cid) ? null : await this.blobs.get(cid)
        if (!blob) return Response.json({ error: 'BlobNotFound', message: 'Blob not found' }, { status: 400 })
        return new Response(blob.bytes, { headers: { 'content-type': blob.mime, 'x-tabpod-answered-by': 'mirror' } })
      }
      default:
        return Response.json({ error: 'NotFound', message: path }, { status: 404 })
    }
  }
}
