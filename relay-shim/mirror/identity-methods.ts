/** Who lives here, and how the room is: documents, handle resolution, server description, health. */
import * as resolveDid from '../../lexicons/com/atproto/identity/resolveDid.ts'
import * as resolveHandle from '../../lexicons/com/atproto/identity/resolveHandle.ts'
import * as describeServer from '../../lexicons/com/atproto/server/describeServer.ts'
import manifest from '../../package.json' with { type: 'json' }
import { type Method, type MirrorView, json, method } from './method.ts'

export const identityMethods: readonly Method[] = [
  method(describeServer, (view) => documentAnswer(view, `/xrpc/${describeServer.$nsid}`)),

  // Other handles need DNS and the network: the pod resolves them.
  method(resolveHandle, (view, { handle }) =>
    handle.toLowerCase() === view.identity.handle.toLowerCase() ? { did: view.identity.did } : null,
  ),

  method(resolveDid, (view, { did }) => (did === view.identity.did ? documentAnswer(view, `/xrpc/${resolveDid.$nsid}`) : null)),

  {
    nsid: '_health',
    answer: (view) => ({ version: manifest.version, online: view.online, rev: view.head.rev }),
  },
]

/** A public document as the pod gave it; null for any other path. */
export const documentAnswer = (view: MirrorView, path: string): Response | null => {
  if (path === '/.well-known/atproto-did') return text(view.identity.did)
  const document = Object.hasOwn(view.identity.documents, path) ? view.identity.documents[path] : undefined
  // A did:plc's document is its directory's to serve, and this host must not look like a did:web beside it, tab open or closed.
  if (path === '/.well-known/did.json' && document === undefined) return json({ error: 'NotFound', message: 'No did:web lives here.' }, 404)
  if (document === undefined) return null
  return document.startsWith('{') ? json(document) : text(document)
}

const text = (body: string): Response => new Response(body, { headers: { 'content-type': 'text/plain; charset=utf-8' } })
