/** The room on PartyKit. @see https://docs.partykit.io/reference/partyserver-api */
import type { Party, PartyConnection } from './durable-port.ts'
import { DurableRoom, type Message } from './durable-room.ts'
import { answerAtDoor, noDoor, tagsOf } from './front-door.ts'

type Parties = Readonly<Record<string, { get(name: string): { fetch(path: string, request: Request | RequestInit): Promise<Response> } }>>

/** What PartyKit hands to a room. */
type PartyKitParty = Omit<Party, 'call'> & { readonly context: { readonly parties: Parties } }

interface Lobby {
  readonly parties: Parties
  readonly env: Readonly<Record<string, unknown>>
  readonly assets: { fetch(path: string): Promise<Response | null> }
}

interface Context {
  readonly request: Request
}

const CLOSE_NORMAL = 1000

export default class PartyKitRoom {
  readonly options = { hibernate: true }
  readonly #party: PartyKitParty
  readonly #room: DurableRoom

  constructor(party: PartyKitParty) {
    this.#party = party
    this.#room = new DurableRoom(() => ({
      id: party.id,
      env: party.env,
      storage: party.storage,
      getConnections: (tag) => party.getConnections(tag),
      call: async (room, path, init) => (await party.context.parties['main']?.get(room).fetch(path, init)) ?? noDoor(),
    }))
  }

  /** The only way in is the host name. */
  static readonly onBeforeRequest = noDoor
  static readonly onBeforeConnect = noDoor

  /** Of what is no file: those PartyKit serves itself. */
  static onFetch(request: Request, lobby: Lobby): Promise<Response> {
    return answerAtDoor(request, {
      env: lobby.env,
      asset: (path) => lobby.assets.fetch(path),
      enter: async (host, path, request) => (await lobby.parties['main']?.get(host).fetch(path, request)) ?? noDoor(),
    })
  }

  onRequest(request: Request): Promise<Response> {
    return this.#room.onRequest(new Request(this.#publicUrl(request), request))
  }

  getConnectionTags(_connection: PartyConnection, { request }: Context): string[] {
    return tagsOf(new URL(this.#publicUrl(request)).pathname)
  }

  onConnect(connection: PartyConnection, { request }: Context): Promise<void> {
    return this.#room.onConnect(connection, new Request(this.#publicUrl(request), request))
  }

  onMessage(message: Message, connection: PartyConnection): Promise<void> {
    return this.#room.onMessage(connection, message)
  }

  async onClose(connection: PartyConnection): Promise<void> {
    await this.#room.onClose(connection)
    // A hibernating socket's close frame is answered by nobody else: without this the client waits 10 s and hears 1006.
    // https://developers.cloudflare.com/durable-objects/best-practices/websockets/#websocket-hibernation-api
    connection.close(CLOSE_NORMAL, '')
  }

  onError(connection: PartyConnection): Promise<void> {
    return this.onClose(connection)
  }

  /** PartyKit puts `/parties/main/<room>` in front, and a host that means nothing. */
  #publicUrl(request: Request): string {
    const url = new URL(request.url)
    const path = url.pathname.replace(/^\/parties\/main\/[^/]*/, '')
    return `https://${this.#party.id}${path || '/'}${url.search}`
  }
}
