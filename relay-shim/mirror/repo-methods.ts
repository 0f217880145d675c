/** `com.atproto.repo.*` as far as it reads. @see https://docs.bsky.app/docs/api/com-atproto-repo-get-record */
import { lexStringify } from '@atproto/lex'
import { decode } from '@ipld/dag-cbor'
import { invalidRequest } from '../../wire/errors.ts'
import * as resolveDid from '../../lexicons/com/atproto/identity/resolveDid.ts'
import * as describeRepo from '../../lexicons/com/atproto/repo/describeRepo.ts'
import * as getRecord from '../../lexicons/com/atproto/repo/getRecord.ts'
import * as listRecords from '../../lexicons/com/atproto/repo/listRecords.ts'
import { unlessKnown } from './etag.ts'
import { type Method, type MirrorView, isOwn, json, method, requireRepo } from './method.ts'

export const repoMethods: readonly Method[] = [
  method(getRecord, async (view, { repo, collection, rkey, cid }, request) => {
    // Records of other repos are the AppView's to answer, which only the pod may ask; and so are those of an account that is not active.
    if (!isOwn(view, repo) || (!view.account.active && view.online)) return null
    const path = `${collection}/${rkey}`
    const uri = `at://${view.identity.did}/${path}`
    const current = await view.port.storage.get<string>(view.keys.record(path))
    const missing = () => invalidRequest(`Could not locate record: ${uri}`, 'RecordNotFound')
    if (current === undefined || !view.account.active || (cid !== undefined && cid !== current)) throw missing()
    return unlessKnown(request, current, async () => {
      const block = await view.blocks.get(current)
      if (!block) throw missing()
      return json(recordJson(uri, current, block.bytes))
    })
  }),

  method(listRecords, (view, { repo, collection, limit = 50, cursor, reverse = false }, request) => {
    if (!isOwn(view, repo) || !view.account.active) throw invalidRequest(`Could not find repo: ${repo}`)
    return unlessKnown(request, view.head.commit, async () => json(await page(view, { collection, limit, cursor, reverse })))
  }),

  method(describeRepo, async (view, { repo }) => {
    requireRepo(view, repo)
    const { did, handle, documents } = view.identity
    const { didDoc } = JSON.parse(documents[DID_DOCUMENT] ?? '{}') as { readonly didDoc?: unknown }
    return {
      handle,
      did,
      didDoc: didDoc ?? { id: did },
      collections: await collectionsOf(view),
      handleIsCorrect: namesHandle(didDoc, handle),
    }
  }),
]

/** JSON. */
const page = async (
  view: MirrorView,
  { collection, limit, cursor, reverse }: { collection: string; limit: number; cursor: string | undefined; reverse: boolean },
): Promise<string> => {
  const prefix = view.keys.record(`${collection}/`)
  // Newest first by default: the rkeys of most collections are TIDs.
  const from = cursor === undefined ? {} : reverse ? { startAfter: prefix + cursor } : { end: prefix + cursor }
  const rows = await view.port.storage.list<string>({ prefix, limit, reverse: !reverse, ...from })
  const blocks = await view.blocks.getMany([...rows.values()])
  const records: string[] = []
  let last: string | undefined
  for (const [key, cid] of rows) {
    const block = blocks.get(cid)
    last = key.slice(prefix.length)
    if (block) records.push(recordJson(`at://${view.identity.did}/${collection}/${last}`, cid, block.bytes))
  }
  return `{"records":[${records.join(',')}]${last === undefined ? '' : `,"cursor":${JSON.stringify(last)}`}}`
}

/** Where the pod put its DID document, whatever the method of its DID. */
const DID_DOCUMENT = `/xrpc/${resolveDid.$nsid}`

/** Each collection costs one look: after its last record the next one begins. */
const collectionsOf = async (view: MirrorView): Promise<string[]> => {
  const prefix = view.keys.record('')
  const collections: string[] = []
  let startAfter = prefix
  for (;;) {
    const [key] = (await view.port.storage.list({ prefix, startAfter, limit: 1 })).keys()
    if (key === undefined) return collections
    const collection = key.slice(prefix.length, key.indexOf('/'))
    collections.push(collection)
    // '0' is the character after '/'.
    startAfter = `${prefix}${collection}0`
  }
}

/** The value goes from CBOR straight to text; around it nothing needs escaping but the URI. */
const recordJson = (uri: string, cid: string, block: Uint8Array): string =>
  `{"uri":${JSON.stringify(uri)},"cid":"${cid}","value":${lexStringify(decode(block))}}`

const namesHandle = (didDoc: unknown, handle: string): boolean =>
  typeof didDoc === 'object' &&
  didDoc !== null &&
  'alsoKnownAs' in didDoc &&
  Array.isArray(didDoc.alsoKnownAs) &&
  didDoc.alsoKnownAs.includes(`at://${handle}`)
