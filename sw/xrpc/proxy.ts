/**
 * Service proxying: what this server does not answer itself it asks of another service, in the name of the account.
 * @see https://atproto.com/specs/xrpc#service-proxying
 */
import { invalidRequest, notImplemented, XrpcError } from '../../wire/errors.ts'
import { CHUNK_BYTES } from '../../wire/limits.ts'
import type { Authenticator } from '../http/auth.ts'
import { byContent } from '../http/permissions.ts'
import type { KeyVault } from '../identity/contract.ts'
import type { DidResolver } from '../identity/did-resolver.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { keepPrivate, privately } from './router.ts'
import { mayCall, signServiceToken } from './service-auth.ts'
import { type LexValue, lexStringify } from '@atproto/lex'
import { type Own, showOwnWrites } from './read-after-write/read-after-write.ts'
import { readShortJson, toAnswer, toUpstreamError, unreachable } from './upstream.ts'

export interface ProxyParts extends Own {
  readonly authenticator: Authenticator
  readonly vault: Pick<KeyVault, 'sign'>
  readonly resolver: DidResolver
  readonly fetch: Fetch
  /** `did#service` of the default AppView now; null: none. */
  readonly appview: () => string | null
}

export interface Proxy {
  /** @throws XrpcError 501 MethodNotImplemented where nobody is to be asked, what `Authenticator.access` throws, 502 UpstreamFailure, 504 UpstreamTimeout */
  forward(nsid: string, request: Request): Promise<Response>
  /**
   * A procedure whose input was read here already, to a service that the input or the route names.
   * @param service `did#service`
   * @throws XrpcError 400 InvalidRequest | 502 UpstreamFailure | 504 UpstreamTimeout
   */
  send(nsid: string, service: string, request: Request, input: LexValue): Promise<Response>
  /** For reads that need no account: another repo's record as the AppView has it. null: there is no AppView. */
  lookUp(request: Request): Promise<Response | null>
  /** `did#service` that answers this for an AppView's methods, the ones that are answered here included. */
  audience(request: Request): string
  /** Whether the client wants another service than the default AppView for this. */
  goesElsewhere(request: Request): boolean
}

interface Destination {
  readonly did: string
  readonly service: string
}

const APPVIEW = 'bsky_appview'
/** The one that apps name, also to a pod that has none. */
const NETWORKS_APPVIEW = 'did:web:api.bsky.app#bsky_appview'
const GET_RECORD = 'com.atproto.repo.getRecord'
const CHAT = 'did:web:api.bsky.chat#bsky_chat'
const GET_FEED = 'app.bsky.feed.getFeed'
/** What the AppView asks of the feed generator, with the token that it got. */
const GET_FEED_SKELETON = 'app.bsky.feed.getFeedSkeleton'

export const makeProxy = (parts: ProxyParts): Proxy => {
  const { identity, authenticator, vault, resolver, appview, now } = parts

  const ask = async (url: string, init: RequestInit): Promise<Response> => {
    try {
      return await parts.fetch(url, { ...init, redirect: 'manual' })
    } catch (cause) {
      throw unreachable(new URL(url).host, cause)
    }
  }

  /** The feed generator checks the token, not the AppView that passes it on. */
  const feedAudience = async (request: Request, origin: string): Promise<{ aud: string; lxm: string }> => {
    const feed = new URL(request.url).searchParams.get('feed') ?? ''
    const [, repo, collection, rkey] = /^at:\/\/([^/]+)\/([^/]+)\/([^/]+)$/.exec(feed) ?? []
    if (!repo || !collection || !rkey) throw invalidRequest('feed must be an at:// URI of a feed generator')
    const query = new URLSearchParams({ repo, collection, rkey })
    const response = await ask(`${origin}/xrpc/com.atproto.repo.getRecord?${query}`, { signal: request.signal })
    if (response.status >= 500) throw await toUpstreamError(response)
    const { value } = (await readShortJson(response)) as { value?: { did?: unknown } | null }
    if (typeof value?.did !== 'string') throw invalidRequest('The feed generator could not be found', 'UnknownFeed')
    return { aud: value.did, lxm: GET_FEED_SKELETON }
  }

  const pass = async (request: Request, origin: string, authorization: string | null): Promise<Response> => {
    const { pathname, search } = new URL(request.url)
    const { method, signal } = request
    const headers = forwardedHeaders(request, method === 'POST')
    if (authorization !== null) headers['authorization'] = authorization
    const body = method === 'POST' ? await readBody(request) : null
    const response = await ask(origin + pathname + search, { method, headers, signal, ...(body !== null && { body }) })
    if (response.status >= 300) throw await toUpstreamError(response)
    return toAnswer(response)
  }

  /** @throws XrpcError 400 InvalidRequest | 502 UpstreamFailure | 503 UplinkClosed */
  const originOf = async ({ did, service }: Destination): Promise<string> => {
    try {
      return await resolver.endpoint(did, service)
    } catch (cause) {
      // What is wrong with the DID is wrong with this request; its own code would look like the upstream's.
      throw cause instanceof XrpcError && cause.status === 400 ? invalidRequest(cause.message) : cause
    }
  }

  const tokenFor = async (claims: { readonly aud: string; readonly lxm: string }): Promise<string> =>
    `Bearer ${await signServiceToken(vault, { iss: identity.did, ...claims }, now())}`

  const forwardTo = async (destination: Destination, nsid: string, request: Request): Promise<Response> => {
    const origin = await originOf(destination)
    const { did: aud } = destination
    const answer = async (): Promise<Response> =>
      pass(request, origin, await tokenFor(nsid === GET_FEED ? await feedAudience(request, origin) : { aud, lxm: nsid }))
    const query = async (lxm: string, params: Readonly<Record<string, string>>): Promise<unknown> => {
      const headers = { ...forwardedHeaders(request, false), authorization: await tokenFor({ aud, lxm }) }
      const response = await ask(`${origin}/xrpc/${lxm}?${new URLSearchParams(params)}`, { headers, signal: request.signal })
      if (response.status >= 300) throw await toUpstreamError(response)
      return toAnswer(response).json()
    }
    return destination.service === APPVIEW ? showOwnWrites({ nsid, request, answer, ask: query }, parts) : answer()
  }

  return {
    async forward(nsid, request) {
      try {
        const destination = chooseService(nsid, request, appview())
        if (!destination) throw notImplemented(nsid)
        if (!VERBS.includes(request.method))
          throw new XrpcError(405, 'InvalidRequest', `XRPC takes ${VERBS.join(', ')}, not ${request.method}`, {
            headers: { allow: VERBS.join(', ') },
          })
        const { scope, may } = await authenticator.access(byContent)(request)
        if (!mayCall(nsid, scope)) throw invalidRequest('Bad token method', 'InvalidToken')
        for (const lxm of nsid === GET_FEED ? [nsid, GET_FEED_SKELETON] : [nsid]) may.rpc(audienceOf(destination), lxm)
        return keepPrivate(await forwardTo(destination, nsid, request))
      } catch (cause) {
        throw privately(cause)
      }
    },

    async send(nsid, service, request, input) {
      const destination = parseService(service)
      const headers = {
        ...forwardedHeaders(request, false),
        'content-type': 'application/json',
        authorization: await tokenFor({ aud: destination.did, lxm: nsid }),
      }
      const init = { method: 'POST', headers, body: lexStringify(input), signal: request.signal }
      const response = await ask(`${await originOf(destination)}/xrpc/${nsid}`, init)
      if (response.status >= 300) throw await toUpstreamError(response)
      return toAnswer(response)
    },

    async lookUp(request) {
      // Only the owner decides whom else this pod talks to.
      const isOwner = namedService(request) !== null && request.headers.has('authorization')
      const service = (isOwner ? namedService(request) : null) ?? appview()
      if (isOwner) await authenticator.access((may) => may.rpc(service ?? '', GET_RECORD))(request)
      if (service === null) return null
      return pass(request, await originOf(parseService(service)), null)
    },

    audience: (request) => namedService(request) ?? appview() ?? NETWORKS_APPVIEW,

    goesElsewhere(request) {
      const named = namedService(request)
      if (named === null) return false
      return appview() === null ? !named.endsWith(`#${APPVIEW}`) : named !== appview()
    },
  }
}

const audienceOf = ({ did, service }: Destination): string => `${did}#${service}`

const VERBS = ['GET', 'HEAD', 'POST']

const namedService = ({ headers }: Request): string | null => headers.get('atproto-proxy')

/**
 * The client's choice, else the default. There is none for moderation, where the client must say whom it reports to, and none for
 * com.atproto.*, which is this server's own affair.
 */
const chooseService = (nsid: string, request: Request, appview: string | null): Destination | null => {
  const named = namedService(request)
  if (named !== null) return parseService(named)
  if (appview === null || nsid.startsWith('com.atproto.') || nsid.startsWith('tools.ozone.')) return null
  return parseService(nsid.startsWith('chat.bsky.') ? CHAT : appview)
}

/** @throws XrpcError 400 InvalidRequest */
const parseService = (text: string): Destination => {
  const [, did, service] = /^(did:[^#\s]+)#([^#\s]+)$/.exec(text) ?? []
  if (!did || !service) throw invalidRequest('atproto-proxy must be DID#service, as in did:web:api.bsky.app#bsky_appview')
  return { did, service }
}

const FORWARDED = ['accept-language', 'atproto-accept-labelers', 'x-bsky-topics']
const FORWARDED_WITH_BODY = ['content-type', 'content-encoding', 'content-length']

const forwardedHeaders = ({ headers }: Request, hasBody: boolean): Record<string, string> => {
  const names = hasBody ? [...FORWARDED, ...FORWARDED_WITH_BODY] : FORWARDED
  // Whatever encoding came, the room would undo it on the way.
  const kept: Record<string, string> = { 'accept-encoding': 'identity' }
  for (const [name, value] of headers) if (names.includes(name) || name.startsWith('x-atproto-')) kept[name] = value
  return kept
}

/** Short bodies whole, long ones as they come. */
const readBody = async (request: Request): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array<ArrayBuffer>> | null> => {
  const length = request.headers.get('content-length')
  if (length !== null && Number(length) <= CHUNK_BYTES) {
    const bytes = new Uint8Array(await request.arrayBuffer())
    return bytes.length > 0 ? bytes : null
  }
  // Firefox has no Request.body: https://bugzilla.mozilla.org/show_bug.cgi?id=1387483
  return request.body ?? new Uint8Array(await request.arrayBuffer())
}
