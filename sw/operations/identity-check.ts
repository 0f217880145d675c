/** Whether the world finds this account where it is: the DID document as it is served, and the handle, both ways. Asked anew. */
import { DID_LOOKUP_DEADLINE_MS, MAX_DID_DOCUMENT_BYTES, MAX_HANDLE_ANSWER_BYTES } from '../../wire/limits.ts'
import type { IdentityCheck } from '../../wire/owner.ts'
import type { HandleResolver } from '../identity/handle-resolver.ts'
import { isLoopbackHandle } from '../identity/handle.ts'
import type { PointingParts } from '../identity/pointing.ts'
import { endpointOf, handleOf, parseDocument, type ResolvedDocument, signingKeyOf } from '../identity/resolved-document.ts'
import { readShortText } from '../identity/short-text.ts'

export type IdentityCheckParts = Pick<PointingParts, 'identity' | 'vault' | 'dids' | 'fetch'> & {
  readonly handles: HandleResolver
  readonly now: () => number
}

/** Never rejects: what cannot be asked is a finding, too. */
export const checkIdentity = async (parts: IdentityCheckParts): Promise<IdentityCheck> => {
  const { identity, now } = parts
  const [served, resolved] = await Promise.allSettled([readServed(parts), resolveOwn(parts)])
  const document = served.status === 'fulfilled' ? served.value : null
  return {
    at: now(),
    document: document ? documentProblem(parts, document) : `The document of ${identity.did} could not be read. Are you online?`,
    handle: handleProblem(parts, document, resolved.status === 'fulfilled' ? resolved.value : null),
  }
}

const documentProblem = ({ identity, vault }: IdentityCheckParts, document: ResolvedDocument): string | null => {
  const endpoint = endpointOf(document, 'atproto_pds')
  if (endpoint !== identity.origin) return `The document of ${identity.did} names ${endpoint ?? 'no server'}, not this one.`
  if (signingKeyOf(document) !== vault.signingDidKey)
    return `The document of ${identity.did} names another key than the one in this browser.`
  return null
}

const handleProblem = (
  { identity: { did, handle } }: IdentityCheckParts,
  document: ResolvedDocument | null,
  resolved: string | null,
): string | null => {
  if (resolved === null) return `${handle} leads to no account.`
  if (resolved !== did) return `${handle} leads to ${resolved}, not to this account.`
  const named = document && handleOf(document)
  return document === null || named === handle ? null : `The document names ${named ?? 'no handle'}, not ${handle}.`
}

/** What this host serves itself is asked of it without the room between. */
const readServed = async ({ identity, dids, fetch }: IdentityCheckParts): Promise<ResolvedDocument> =>
  identity.hostsDocument
    ? parseDocument(await readOwn(fetch, `${identity.origin}/.well-known/did.json`, MAX_DID_DOCUMENT_BYTES))
    : dids.resolve(identity.did, { fresh: true })

/** Names under .test lead nowhere but here. */
const resolveOwn = async ({ identity, handles, fetch }: IdentityCheckParts): Promise<string | null> => {
  const { handle, origin } = identity
  if (!isLoopbackHandle(handle) && handle !== new URL(origin).hostname) return handles.resolve(handle, { fresh: true })
  return (await readOwn(fetch, `${origin}/.well-known/atproto-did`, MAX_HANDLE_ANSWER_BYTES)).trim()
}

const readOwn = async (fetch: PointingParts['fetch'], url: string, maxBytes: number): Promise<string> => {
  const response = await fetch(url, { cache: 'no-store', signal: AbortSignal.timeout(DID_LOOKUP_DEADLINE_MS) })
  if (!response.ok) throw new TypeError(`${url} answered ${response.status}`)
  return readShortText(response, maxBytes)
}
