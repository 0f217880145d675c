/** Who lives here: documents, handle resolution, server description. Needs no repo. */
import * as resolveDid from '../../lexicons/com/atproto/identity/resolveDid.ts'
import * as resolveHandle from '../../lexicons/com/atproto/identity/resolveHandle.ts'
import * as resolveIdentity from '../../lexicons/com/atproto/identity/resolveIdentity.ts'
import * as describeServer from '../../lexicons/com/atproto/server/describeServer.ts'
import { type BareView, type Method, type MirrorView, json, method } from './method.ts'

type AnyView = MirrorView | BareView

export const identityMethods: ReadonlyArray<Method<AnyView>> = [
  method(describeServer, (view: AnyView) => documentAnswer(view, `/xrpc/${describeServer.$nsid}`)),

  // Other handles need DNS and the network: the pod resolves them.
  method(resolveHandle, (view: AnyView, { handle }) =>
    handle.toLowerCase() === view.identity.handle.toLowerCase() ? { did: view.identity.did } : null,
  ),

  method(resolveDid, (view: AnyView, { did }) => (did === view.identity.did ? documentAnswer(view, `/xrpc/${resolveDid.$nsid}`) : null)),

  method(resolveIdentity, (view: AnyView, { identifier }) =>
    [view.identity.did, view.identity.handle].includes(identifier) ? documentAnswer(view, `/xrpc/${resolveIdentity.$nsid}`) : null,
  ),
]

/** A public document as the pod gave it; null for any other path. */
export const documentAnswer = (view: AnyView, path: string): Response | null => {
  if (path === '/.well-known/atproto-did' && view.head) return text(view.identity.did)
  const document = Object.hasOwn(view.identity.documents, path) ? view.identity.documents[path] : undefined
  // The document of any other DID is its directory's or its host's to serve, and this host must not look like a did:web beside it, tab open or closed.
  const isOwn = view.identity.did === `did:web:${encodeURIComponent(view.port.host)}`
  if (path === '/.well-known/did.json' && (document === undefined || !isOwn))
    return json({ error: 'NotFound', message: 'No did:web lives here.' }, 404)
  if (document === undefined) return null
  return document.startsWith('{') ? json(document) : text(document)
}

const text = (body: string): Response => new Response(body, { headers: { 'content-type': 'text/plain; charset=utf-8' } })
