/** Where every request comes in, whatever the runtime: the host name in it chooses the room, and nothing else does. */
import { UPLINK_PATH, UPLINK_PROTOCOL } from '../wire/frames.ts'
import { MAX_SOCKET_QUERY_CHARS } from '../wire/limits.ts'
import { json } from './answer.ts'
import { parseHost } from './hostname.ts'
import type { SocketState } from './port.ts'
import { SUBSCRIBE_PATH } from './room.ts'

export interface House {
  /** Of the built app; null or not ok where there is no such file. */
  asset(path: string): Promise<Response | null>
  /** Hands `request` to the room of that name; `path` is its path and query. */
  enter(host: string, path: string, request: Request): Promise<Response>
}

const ROLES: Readonly<Record<string, SocketState['role']>> = { [UPLINK_PATH]: 'uplink', [SUBSCRIBE_PATH]: 'subscriber' }

export const noDoor = (): Response => new Response('Not found', { status: 404 })

/** What a socket at this path is tagged with, so that it is found again after a hibernation. */
export const tagsOf = (pathname: string): string[] => {
  const role = ROLES[pathname]
  return role ? [role] : []
}

export const answerAtDoor = async (request: Request, house: House): Promise<Response> => {
  const url = new URL(request.url)
  if (url.pathname === '/sw.js') return serviceWorker(house)
  const host = parseHost(request.headers.get('host'))
  if (!host) return json({ error: 'InvalidRequest', message: 'The Host header is not a host name with an optional port.' }, 400)
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return house.enter(host, url.pathname + url.search, request)
  if (!ROLES[url.pathname]) return noDoor()
  if (url.search.length > MAX_SOCKET_QUERY_CHARS)
    return json({ error: 'InvalidRequest', message: 'The query of a socket is too long.' }, 414)
  // The runtimes would let clients name their connections by `_pk`, and a name is also a tag.
  url.searchParams.delete('_pk')
  return withProtocol(request, await house.enter(host, url.pathname + url.search, request))
}

/** Not a plain asset: it needs headers that assets do not have. @see https://www.w3.org/TR/service-workers/#service-worker-allowed */
const serviceWorker = async (house: House): Promise<Response> => {
  const asset = await house.asset('/_tabpod/worker.js')
  if (!asset?.ok) return noDoor()
  return new Response(asset.body, {
    headers: {
      'content-type': 'text/javascript; charset=utf-8',
      'service-worker-allowed': '/',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    },
  })
}

/** A browser that offered a subprotocol fails the connection unless it is chosen, which neither runtime does. */
const withProtocol = (request: Request, response: Response): Response => {
  const offered = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
  if (response.status !== 101 || !offered.includes(UPLINK_PROTOCOL)) return response
  const { webSocket } = response as Response & { readonly webSocket?: unknown }
  const init: ResponseInit & { webSocket?: unknown } = { status: 101, webSocket, headers: { 'sec-websocket-protocol': UPLINK_PROTOCOL } }
  return new Response(null, init)
}
