/**
 * DID or handle → the whole identity. A handle is only believed where both agree: it resolves to the DID, and the DID's document names it.
 * @see https://atproto.com/specs/handle#handle-resolution
 */
import { invalidRequest } from '../../wire/errors.ts'
import type { DidDocument } from './did-document.ts'
import type { DidResolver } from './did-resolver.ts'
import type { HandleResolver } from './handle-resolver.ts'
import { handleOf, type ResolvedDocument } from './resolved-document.ts'
import type { Self } from './self.ts'

export interface IdentityResolverParts {
  readonly identity: Self
  readonly dids: DidResolver
  readonly handles: HandleResolver
}

export interface ResolvedIdentity {
  readonly did: string
  /** `handle.invalid` where the two do not agree. */
  readonly handle: string
  readonly didDoc: ResolvedDocument | DidDocument
}

/** What stands for a handle that cannot be believed. @see https://atproto.com/specs/handle#additional-non-syntax-restrictions */
const INVALID_HANDLE = 'handle.invalid'

/**
 * @param options.fresh asks, whatever is remembered
 * @throws XrpcError 400 HandleNotFound | what `DidResolver.resolve` throws
 */
export const resolveIdentity = async (
  parts: IdentityResolverParts,
  identifier: string,
  options?: { readonly fresh?: boolean },
): Promise<ResolvedIdentity> => {
  const did = identifier.startsWith('did:') ? identifier : await findDid(parts, identifier, options)
  const didDoc = await readDocument(parts, did, options)
  const claimed = handleOf(didDoc)
  const isMutual = claimed !== null && (await lookUpHandle(parts, claimed, options)) === did
  return { did, handle: isMutual ? claimed : INVALID_HANDLE, didDoc }
}

/** @throws XrpcError 400 HandleNotFound */
export const findDid = async (
  parts: Pick<IdentityResolverParts, 'identity' | 'handles'>,
  handle: string,
  options?: { readonly fresh?: boolean },
): Promise<string> => {
  const did = await lookUpHandle(parts, handle.toLowerCase(), options)
  if (did === null) throw invalidRequest('Unable to resolve handle', 'HandleNotFound')
  return did
}

/** The account's own as the pod would have it, as long as that is the truth: what a directory says of an account that moved may be something else. */
export const readDocument = async (
  { identity, dids }: Pick<IdentityResolverParts, 'identity' | 'dids'>,
  did: string,
  options?: { readonly fresh?: boolean },
): Promise<ResolvedDocument | DidDocument> =>
  did === identity.did && identity.speaksForDid ? identity.document : dids.resolve(did, options)

const lookUpHandle = async (
  { identity, handles }: Pick<IdentityResolverParts, 'identity' | 'handles'>,
  handle: string,
  options?: { readonly fresh?: boolean },
): Promise<string | null> => (handle === identity.handle ? identity.did : handles.resolve(handle, options))
