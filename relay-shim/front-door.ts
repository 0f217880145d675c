/** Where every request comes in, whatever the runtime: the host name in it chooses the room, and nothing else does. */
import { UPLINK_PATH, UPLINK_PROTOCOL } from '../wire/frames.ts'
import { INDIEAUTH_HEADERS, LOGO_ICON_PATH, LOGO_PATH, PICTURE_HEADERS, PNG } from '../wire/indieauth.ts'
import { MAX_PATH_CHARS, MAX_SOCKET_QUERY_CHARS } from '../wire/limits.ts'
import { OPERATOR_PATH } from '../wire/operator.ts'
import { ANSWERED_BY, json, notFound, notServed } from './answer.ts'
import { answerAtApex, apexAt, isAskedAtApex } from './fedcm/apex.ts'
import { answerAsHandle } from './hosting/handle-hosts.ts'
import { isListed } from './hosting/hosts.ts'
import { parseHost } from './hostname.ts'
import { hasInsideMark, insideRequest, isInsidePath, readInside, REGISTRY } from './operator/inside.ts'
import type { SocketState } from './port.ts'
import { readAway } from './request-body.ts'
import { MAY_SUBSCRIBE_PATH, SUBSCRIBE_PATH } from './room.ts'
import { BadSettings, readSettings, type RoomSettings, VARIABLES } from './settings/settings.ts'

export interface House {
  /** Variables of the environment, with the settings among them. */
  readonly env: Readonly<Record<string, unknown>>
  /** Of the built app; null or not ok where there is no such file. */
  asset(path: string): Promise<Response | null>
  /** What the app links, where the runtime does not serve it by itself; null: no file. */
  file?(request: Request, path: string): Promise<Response | null>
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
  const response = await answer(request, house)
  await readAway(request)
  return response
}

const answer = async (request: Request, house: House): Promise<Response> => {
  const url = new URL(request.url)
  const host = parseHost(request.headers.get('host'))
  if (!host) return refusal(400, 'InvalidRequest', 'The Host header is not a host name with an optional port.')
  const settings = settingsOf(house.env)
  if (settings instanceof BadSettings) return json({ error: 'Misconfigured', message: settings.message }, 500)
  // Before handles: whose domain that is may have both.
  const apex = isAskedAtApex(url.pathname) ? apexAt(settings, host) : null
  if (apex && (apex.pod !== null || !isListed(settings.hosts, host)))
    return answerAtApex(request, apex, (above) => firstPodBelow(above, house))
  const handle = settings.handles.find((each) => each.host === host)
  if (handle) return answerAsHandle(request, url.pathname, handle)
  if (!isListed(settings.hosts, host)) return notServed(request)
  const odd = oddity(request, url)
  if (odd) return odd
  if (url.pathname === OPERATOR_PATH || url.pathname.startsWith(`${OPERATOR_PATH}/`)) {
    if (settings.operatorToken === null || request.headers.has('upgrade')) return notFound(request)
    if (url.pathname !== OPERATOR_PATH) return house.enter(REGISTRY, url.pathname + url.search, request)
  }
  const file = (await pageAt(request, url.pathname, house)) ?? (await house.file?.(request, url.pathname))
  if (file) return file
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return house.enter(host, url.pathname + url.search, request)
  if (!ROLES[url.pathname]) return noDoor()
  if (url.search.length > MAX_SOCKET_QUERY_CHARS) return refusal(414, 'UriTooLong', 'The query of a socket is too long.')
  if (url.pathname === SUBSCRIBE_PATH) {
    // A room hears of a socket when it is open; before that it can still be refused as any request.
    const answer = await house.enter(host, MAY_SUBSCRIBE_PATH, withoutUpgrade(request))
    if (!answer.ok) return answer
  }
  // The runtimes would let clients name their connections by `_pk`, and a name is also a tag.
  url.searchParams.delete('_pk')
  return withProtocol(request, await house.enter(host, url.pathname + url.search, request))
}

const firstPodBelow = async (host: string, house: House): Promise<string | null> => {
  const { path, init } = insideRequest('first', { host })
  return (
    await readInside<{ readonly host: string | null }>(await house.enter(REGISTRY, path, new Request(`https://${host}${path}`, init)))
  ).host
}

/** What no room need look at. The runtimes refuse more of the kind themselves (relay-shim/abuse). */
const oddity = ({ method, headers }: Request, { pathname, search }: URL): Response | null => {
  if (!METHODS.has(method)) return refusal(501, 'MethodNotImplemented', 'No pod knows this HTTP method.')
  if (!/^\d{1,15}$/.test(headers.get('content-length') ?? '0')) return refusal(400, 'InvalidRequest', 'The Content-Length is not a length.')
  // Rooms talk among themselves by these marks.
  if (isInsidePath(pathname) || hasInsideMark(headers)) return refusal(404, 'NotFound', 'There is nothing at this address.')
  if (pathname.length + search.length > MAX_PATH_CHARS)
    return refusal(414, 'UriTooLong', `The path is longer than ${MAX_PATH_CHARS} characters.`)
  return null
}

/** TRACE would show a client what proxies in front have added, and a worker cannot make a Request of it. @see https://fetch.spec.whatwg.org/#forbidden-method */
const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

const refusal = (status: number, error: string, message: string): Response => json({ error, message }, status, { [ANSWERED_BY]: 'room' })

/** What has headers of its own, and is there for listed hosts alone: no plain asset, which a runtime may serve to any. */
const pageAt = async ({ method }: Request, pathname: string, { asset }: House): Promise<Response | null> => {
  const page = PAGES[pathname]
  if (!page || (method !== 'GET' && method !== 'HEAD')) return null
  const file = await asset(page.file)
  return file?.ok ? new Response(method === 'HEAD' ? null : file.body, { headers: page.headers }) : noDoor()
}

const HTML = { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-cache', 'x-content-type-options': 'nosniff' }

interface PageFile {
  readonly file: string
  readonly headers: Readonly<Record<string, string>>
}

/** No SVG: the browser's dialog shows none. @see https://developer.chrome.com/docs/identity/fedcm/implement/identity-provider */
const LOGO: PageFile = { file: '/pages/logo.png', headers: { ...PICTURE_HEADERS, 'content-type': PNG } }

const PAGES: Readonly<Record<string, PageFile>> = {
  '/': { file: '/pages/owner.html', headers: { ...HTML, ...INDIEAUTH_HEADERS } },
  [LOGO_PATH]: LOGO,
  [LOGO_ICON_PATH]: LOGO,
  [OPERATOR_PATH]: {
    file: '/pages/operator.html',
    headers: {
      ...HTML,
      'cache-control': 'no-store',
      'content-security-policy':
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
      'referrer-policy': 'no-referrer',
    },
  },
  /** @see https://www.w3.org/TR/service-workers/#service-worker-allowed */
  '/sw.js': {
    file: '/_tabpod/worker.js',
    headers: {
      'content-type': 'text/javascript; charset=utf-8',
      'service-worker-allowed': '/',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
    },
  },
}

let read: { readonly variables: readonly unknown[]; readonly settings: RoomSettings | BadSettings } | null = null

/** Read once: PartyKit makes another object of the same variables for every request. */
const settingsOf = (env: House['env']): RoomSettings | BadSettings => {
  const variables = VARIABLES.map((name) => env[name])
  if (read?.variables.every((value, index) => value === variables[index])) return read.settings
  read = { variables, settings: readOrBad(env) }
  return read.settings
}

const readOrBad = (env: House['env']): RoomSettings | BadSettings => {
  try {
    return readSettings(env)
  } catch (cause) {
    if (cause instanceof BadSettings) return cause
    throw cause
  }
}

const withoutUpgrade = ({ url, headers }: Request): Request => {
  const kept = [...headers].filter(([name]) => name !== 'upgrade' && name !== 'connection' && !name.startsWith('sec-websocket-'))
  return new Request(url, { headers: kept })
}

/** A browser that offered a subprotocol fails the connection unless it is chosen, which neither runtime does. */
const withProtocol = (request: Request, response: Response): Response => {
  const offered = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
  if (response.status !== 101 || !offered.includes(UPLINK_PROTOCOL)) return response
  const { webSocket } = response as Response & { readonly webSocket?: unknown }
  const init: ResponseInit & { webSocket?: unknown } = { status: 101, webSocket, headers: { 'sec-websocket-protocol': UPLINK_PROTOCOL } }
  return new Response(null, init)
}
