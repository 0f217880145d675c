/**
 * Permission sets (`include:`): where a namespace says that they are, DNS → DID → record with its proof, and remembered as the specification advises.
 * @see https://atproto.com/specs/permission#permission-sets
 */
import { LexResolver, LexResolverError } from '@atproto/oauth-provider/provider'
import type { LexiconData, LexiconStore } from '@atproto/oauth-provider/store'
import { NSID } from '@atproto/syntax'
import * as v from 'valibot'
import { MAX_SET_LOOKUPS } from '../../wire/oauth-limits.ts'
import { DID_LOOKUP_DEADLINE_MS, MAX_RECORD_PROOF_BYTES, PERMISSION_SET_MAX_AGE_MS, PERMISSION_SET_RETRY_MS } from '../../wire/limits.ts'
import { didInDns } from '../identity/dns-did.ts'
import type { DidResolver } from '../identity/did-resolver.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { readShortBytes } from '../identity/short-text.ts'
import { readProvenRecord } from '../repo/record-proof.ts'

export interface PermissionSetParts {
  /** Through the room: hosts of lexicons need not allow cross-origin reads. */
  readonly fetch: Fetch
  readonly dids: Pick<DidResolver, 'endpoint' | 'signingKey'>
  /** The account of this pod, which a room could not ask itself for. */
  readonly own: {
    is(did: string): boolean
    /** CAR with the proof of a record. */
    proof(collection: string, rkey: string): Promise<Uint8Array>
    readonly signingDidKey: string
  }
}

const SCHEMA = 'com.atproto.lexicon.schema'
const param = v.union([v.string(), v.number(), v.boolean()])
const texts = v.optional(v.record(v.string(), v.string()))
const permission = v.objectWithRest({ type: v.literal('permission'), resource: v.string() }, v.union([param, v.array(param)]))
/** Loose: what later versions of the language add does not make it another set. */
const document = v.looseObject({
  $type: v.literal(SCHEMA),
  lexicon: v.literal(1),
  id: v.string(),
  defs: v.looseObject({
    main: v.looseObject({
      type: v.literal('permission-set'),
      permissions: v.array(permission),
      title: v.optional(v.string()),
      'title:lang': texts,
      detail: v.optional(v.string()),
      'detail:lang': texts,
    }),
  }),
})

/** As the provider asks for them. Each step's failure is a LexResolverError, which tells it to go on with what it remembers. */
export const permissionSetResolver = (parts: PermissionSetParts): Pick<LexResolver, 'get'> => {
  let running = 0
  return {
    async get(nsid) {
      const name = NSID.from(nsid)
      if (running >= MAX_SET_LOOKUPS) throw new LexResolverError(name, 'Too many permission sets are looked up at the same time')
      running += 1
      return lookUp(name, parts).finally(() => void (running -= 1))
    },
  }
}

const lookUp = async (name: NSID, parts: PermissionSetParts): ReturnType<LexResolver['get']> => {
  const did = await orUnresolved(name, 'The namespace names no DID in DNS', () => authorityOf(name, parts.fetch))
  const record = await orUnresolved(name, `The record of ${did} could not be had`, () => readRecord(name, did, parts))
  const found = await orUnresolved(name, 'The document is no permission set', async () => v.parse(document, record))
  if (found.id !== name.toString()) throw new LexResolverError(name, `The document is one of ${found.id}`)
  // The provider looks at address and document alone.
  return { uri: `at://${did}/${SCHEMA}/${name}`, lexicon: found } as unknown as Awaited<ReturnType<LexResolver['get']>>
}

/** Not of a namespace above or below: each is its own authority. @see https://atproto.com/specs/lexicon#lexicon-publication-and-resolution */
const authorityOf = async (name: NSID, fetch: Fetch): Promise<string> => {
  const did = await didInDns(`_lexicon.${name.authority}`, fetch, AbortSignal.timeout(DID_LOOKUP_DEADLINE_MS))
  if (did === null) throw new TypeError(`_lexicon.${name.authority} has not one DID`)
  return did
}

const readRecord = async (name: NSID, did: string, { fetch, dids, own }: PermissionSetParts): Promise<unknown> => {
  const of = { did, collection: SCHEMA, rkey: name.toString() }
  if (own.is(did)) return readProvenRecord(await own.proof(of.collection, of.rkey), of, own.signingDidKey)
  const origin = await dids.endpoint(did, 'atproto_pds')
  const response = await fetch(`${origin}/xrpc/com.atproto.sync.getRecord?${new URLSearchParams(of)}`, {
    headers: { accept: 'application/vnd.ipld.car' },
    redirect: 'error',
    signal: AbortSignal.timeout(DID_LOOKUP_DEADLINE_MS),
  })
  if (!response.ok) throw new TypeError(`${origin} answered ${response.status}`)
  const car = await readShortBytes(response, MAX_RECORD_PROOF_BYTES)
  try {
    return await readProvenRecord(car, of, await dids.signingKey(did))
  } catch {
    // Its key may have changed since we looked.
    return readProvenRecord(car, of, await dids.signingKey(did, { fresh: true }))
  }
}

const orUnresolved = async <T>(name: NSID, what: string, step: () => Promise<T>): Promise<T> => {
  try {
    return await step()
  } catch (cause) {
    throw new LexResolverError(name, what, { cause })
  }
}

/**
 * What the provider remembers of them: it asks anew after a day. Here an answer ends after ninety days without a newer one, and a question that nobody
 * answered is asked again soon, not after a day.
 */
export const agingLexiconStore = (inner: LexiconStore, now: () => number): LexiconStore => ({
  async findLexicon(nsid) {
    const data = await inner.findLexicon(nsid)
    if (data === null) return null
    const isAnswered = data.lastSucceededAt?.getTime() === data.updatedAt.getTime()
    const isRecent = data.updatedAt.getTime() + PERMISSION_SET_RETRY_MS > now()
    const kept = withoutOld(data, now())
    if (isAnswered || isRecent) return kept
    return kept.lexicon === null ? null : { ...kept, updatedAt: new Date(0) }
  },
  storeLexicon: (nsid, data) => inner.storeLexicon(nsid, data),
  deleteLexicon: (nsid) => inner.deleteLexicon(nsid),
})

const withoutOld = (data: LexiconData, now: number): LexiconData =>
  (data.lastSucceededAt?.getTime() ?? 0) + PERMISSION_SET_MAX_AGE_MS > now
    ? data
    : { ...data, lexicon: null, uri: null, lastSucceededAt: null }
