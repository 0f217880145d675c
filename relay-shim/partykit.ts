/** The room on PartyKit: routing by host name, and nothing else. @see https://docs.partykit.io/reference/partyserver-api */
import { UPLINK_PATH, UPLINK_PROTOCOL } from '../wire/frames.ts'
import { errorToResponse, json } from './answer.ts'
import { parseHost } from './hostname.ts'
import { partyPort, socketOf, type PartyConnection, type PartyRoom } from './partykit-port.ts'
import type { SocketState } from './port.ts'
import { Room, SUBSCRIBE_PATH } from './room.ts'
import { BadSettings, readSettings } from './settings.ts'

interface Lobby {
  readonly parties: Readonly<Record<string, { get(name: string): { fetch(path: string, request: Request): Promise<Response> } }>>
  readonly assets: { fetch(path: string): Promise<Response | null> }
}

const ROLES: Readonly<Record<string, SocketState['role']>> = { [UPLINK_PATH]: 'uplink', [SUBSCRIBE_PATH]: 'subscriber' }
const CLOSE_NORMAL = 1000
const noDoor = (): Response => new Response('Not found', { status: 404 })

export default class PartyKitRoom {
  readonly options = { hibernate: true }
  readonly #party: PartyRoom
  #room: Room | null = null
  #opening: Promise<Room> | null = null

  constructor(party: PartyRoom) {
    this.#party = party
  }

  /** The only way in is the host name. */
  static readonly onBeforeRequest = noDoor
  static readonly onBeforeConnect = noDoor

  static async onFetch(request: Request, lobby: Lobby): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === '/sw.js') return worker(lobby)
    const host = parseHost(request.headers.get('host'))
    if (!host) return json({ error: 'InvalidRequest', message: 'The Host header is not a host name with an optional port.' }, 400)
    const isUpgrade = request.headers.get('upgrade')?.toLowerCase() === 'websocket'
    if (isUpgrade && !ROLES[url.pathname]) return noDoor()
    // PartyKit would let clients name their connections by `_pk`, and a name is also a tag.
    if (isUpgrade) url.searchParams.delete('_pk')
    const room = lobby.parties['main']?.get(host)
    if (!room) return noDoor()
    const response = await room.fetch(url.pathname + url.search, request)
    return isUpgrade ? withProtocol(request, response) : response
  }

  async onRequest(request: Request): Promise<Response> {
    try {
      const room = this.#room ?? (await this.#open())
      return await room.onRequest(new Request(this.#publicUrl(request), request))
    } catch (cause) {
      if (cause instanceof BadSettings) return json({ error: 'Misconfigured', message: cause.message }, 500)
      return errorToResponse(cause)
    }
  }

  getConnectionTags(_connection: PartyConnection, { request }: { readonly request: Request }): string[] {
    const role = ROLES[new URL(this.#publicUrl(request)).pathname]
    return role ? [role] : []
  }

  async onConnect(connection: PartyConnection, { request }: { readonly request: Request }): Promise<void> {
    const room = this.#room ?? (await this.#open())
    await room.onConnect(socketOf(connection), new Request(this.#publicUrl(request), request))
  }

  async onMessage(message: string | ArrayBuffer | ArrayBufferView<ArrayBuffer>, connection: PartyConnection): Promise<void> {
    const room = this.#room ?? (await this.#open())
    room.onMessage(socketOf(connection), bytesOf(message))
  }

  async onClose(connection: PartyConnection): Promise<void> {
    const room = this.#room ?? (await this.#open())
    room.onClose(socketOf(connection))
    // A hibernating socket's close frame is answered by nobody else: without this the client waits 10 s and hears 1006.
    // https://developers.cloudflare.com/durable-objects/best-practices/websockets/#websocket-hibernation-api
    connection.close(CLOSE_NORMAL, '')
  }

  onError(connection: PartyConnection): Promise<void> {
    return this.onClose(connection)
  }

  /** PartyKit does not wait for `onStart`; whoever comes first opens the room, everybody waits. A failed opening is tried again by the next one. */
  #open(): Promise<Room> {
    this.#opening ??= (async () => {
      try {
        this.#room = await Room.open(partyPort(this.#party, readSettings(this.#party.env)))
        return this.#room
      } catch (cause) {
        this.#opening = null
        throw cause
      }
    })()
    return this.#opening
  }

  /** PartyKit puts `/parties/main/<room>` in front, and a host that means nothing. */
  #publicUrl(request: Request): string {
    const url = new URL(request.url)
    const path = url.pathname.replace(/^\/parties\/main\/[^/]*/, '')
    return `https://${this.#party.id}${path || '/'}${url.search}`
  }
}

/** Not a plain asset: it needs headers that PartyKit's assets do not have. @see https://www.w3.org/TR/service-workers/#service-worker-allowed */
const worker = async (lobby: Lobby): Promise<Response> => {
  const asset = await lobby.assets.fetch('/_tabpod/worker.js')
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

/** A browser that offered a subprotocol fails the connection unless it is chosen, which PartyKit does not do. */
const withProtocol = (request: Request, response: Response): Response => {
  const offered = (request.headers.get('sec-websocket-protocol') ?? '').split(',').map((name) => name.trim())
  if (response.status !== 101 || !offered.includes(UPLINK_PROTOCOL)) return response
  const { webSocket } = response as Response & { readonly webSocket?: unknown }
  const init: ResponseInit & { webSocket?: unknown } = { status: 101, webSocket, headers: { 'sec-websocket-protocol': UPLINK_PROTOCOL } }
  return new Response(null, init)
}

/** Text is no frame: its length field will say so. */
const bytesOf = (message: string | ArrayBuffer | ArrayBufferView<ArrayBuffer>): Uint8Array => {
  if (typeof message === 'string') return new Uint8Array(0)
  if (message instanceof ArrayBuffer) return new Uint8Array(message)
  return new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
}
