/**
 * A repo from the mirror, looked at as a stream: every block is hashed and must be reached from the signed commit, and nothing may be missing.
 * @see https://atproto.com/specs/repository
 */
import { verifySignature } from '@atproto/crypto'
import { decode, encode } from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import * as v from 'valibot'
import { XrpcError } from '../../wire/errors.ts'
import { type IncomingBlock, readCar } from '../repo/car-reader.ts'
import type { Mirror } from './mirror.ts'

const cid = v.instance(CID)
const commitSchema = v.looseObject({ did: v.string(), rev: v.string(), data: cid, sig: v.instance(Uint8Array), version: v.literal(3) })
const nodeSchema = v.object({ l: v.nullable(cid), e: v.array(v.object({ v: cid, t: v.nullable(cid) })) })

/** The first of `didKeys` that has signed what the mirror holds now. @throws XrpcError 502 MirrorUntrustworthy when none has; what `Mirror` throws */
export const findSigner = async (mirror: Mirror, did: string, didKeys: Iterable<string>): Promise<string> => {
  const commit = await readCommit(await mirror.repo())
  for (const didKey of didKeys) if (await isSignedBy(didKey, commit, did)) return didKey
  throw untrustworthy('its commit is not signed by a key of this account')
}

/**
 * In the mirror's own order (a block stands behind the one that names it), so that only the names of what is still to come are kept.
 * @throws XrpcError 502 MirrorUntrustworthy
 */
export const inspectRepo = async (
  car: ReadableStream<Uint8Array>,
  account: { readonly did: string; readonly signingKey: string },
  onProgress: (records: number) => void = () => {},
): Promise<{ readonly rev: string; readonly records: number }> => {
  const inspection = new Inspection(account)
  try {
    for await (const { root, blocks } of readCar(car)) {
      inspection.begin(root.multihash.digest)
      for (const block of blocks) await inspection.take(block)
      onProgress(inspection.records)
    }
  } catch (cause) {
    throw cause instanceof XrpcError && cause.error === 'MirrorUntrustworthy' ? cause : broken(cause)
  }
  return inspection.end()
}

class Inspection {
  readonly #account: { readonly did: string; readonly signingKey: string }
  /** What was named and has not come. */
  readonly #expected = new Map<string, 'commit' | 'node' | 'record'>()
  /** A record may stand under two paths, and comes once. */
  readonly #seen = new Set<string>()
  #rev = ''
  #records = 0

  constructor(account: { readonly did: string; readonly signingKey: string }) {
    this.#account = account
  }

  get records(): number {
    return this.#records
  }

  begin(root: Uint8Array): void {
    this.#expect(root, 'commit')
  }

  async take({ digest, bytes }: IncomingBlock): Promise<void> {
    const key = keyOf(digest)
    const kind = this.#expected.get(key)
    if (kind === undefined) return
    if (keyOf(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>))) !== key)
      throw untrustworthy('a block is not what its CID says')
    this.#expected.delete(key)
    this.#seen.add(key)
    if (kind === 'commit') await this.#takeCommit(bytes)
    else if (kind === 'node') this.#takeNode(bytes)
  }

  end(): { readonly rev: string; readonly records: number } {
    if (this.#rev === '' || this.#expected.size > 0) throw untrustworthy('blocks are missing')
    return { rev: this.#rev, records: this.#records }
  }

  async #takeCommit(bytes: Uint8Array): Promise<void> {
    const { did, signingKey } = this.#account
    if (!(await isSignedBy(signingKey, bytes, did))) throw untrustworthy('its commit is not signed by the key of this account')
    const { rev, data } = v.parse(commitSchema, decode(bytes))
    this.#rev = rev
    this.#expect(data.multihash.digest, 'node')
  }

  #takeNode(bytes: Uint8Array): void {
    const { l, e } = v.parse(nodeSchema, decode(bytes))
    if (l) this.#expect(l.multihash.digest, 'node')
    for (const { v: record, t } of e) {
      this.#expect(record.multihash.digest, 'record')
      if (t) this.#expect(t.multihash.digest, 'node')
    }
    this.#records += e.length
  }

  #expect(digest: Uint8Array, kind: 'commit' | 'node' | 'record'): void {
    const key = keyOf(digest)
    if (!this.#seen.has(key)) this.#expected.set(key, kind)
  }
}

/** The first block of the stream; the rest is not wanted. */
const readCommit = async (car: ReadableStream<Uint8Array>): Promise<Uint8Array> => {
  try {
    for await (const { blocks } of readCar(car)) if (blocks[0]) return blocks[0].bytes
  } catch (cause) {
    throw broken(cause)
  }
  throw untrustworthy('it lacks its commit')
}

/** 32 bytes as a string of as many characters. */
const keyOf = (digest: Uint8Array): string => String.fromCharCode(...digest)

const isSignedBy = async (didKey: string, block: Uint8Array, did: string): Promise<boolean> => {
  try {
    const { sig, ...unsigned } = v.parse(commitSchema, decode(block))
    return unsigned.did === did && (await verifySignature(didKey, encode(unsigned), sig))
  } catch {
    // No commit, no signature, or no key.
    return false
  }
}

const broken = (cause: unknown): XrpcError => untrustworthy('it broke off, or is no repo', cause)

const untrustworthy = (what: string, cause?: unknown): XrpcError =>
  new XrpcError(502, 'MirrorUntrustworthy', `The relay’s copy of the repo cannot be used: ${what}.`, { cause })
