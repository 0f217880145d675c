/** Who this account is, as public documents by path: text as it is to be served, tab open or closed. */
import type { Self } from './self.ts'

export const identityDocuments = (identity: Self): Readonly<Record<string, string>> => ({
  // Another DID than this host's own is served elsewhere: here it would look like a did:web.
  ...(identity.hostsDocument && { '/.well-known/did.json': JSON.stringify(identity.document) }),
  '/.well-known/atproto-did': identity.did,
  ...(identity.speaksForDid && {
    '/xrpc/com.atproto.identity.resolveDid': JSON.stringify({ didDoc: identity.document }),
    '/xrpc/com.atproto.identity.resolveIdentity': JSON.stringify({
      did: identity.did,
      handle: identity.handle,
      didDoc: identity.document,
    }),
  }),
})
