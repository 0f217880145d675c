/** The room on PartyServer: a Cloudflare Worker with a Durable Object per host name. Its bindings are in `wrangler.jsonc`. @see https://github.com/cloudflare/partykit/tree/main/packages/partyserver */
import { type Connection, type ConnectionContext, Server } from 'partyserver'
import { isPodPath } from './answer.ts'
import { DurableRoom, type Message } from './durable-room.ts'
import { answerAtDoor, tagsOf } from './front-door.ts'

interface Bindings extends Readonly<Record<string, unknown>> {
  readonly ROOMS: {
    idFromName(name: string): unknown
    get(id: unknown): { fetch(request: Request): Promise<Response> }
  }
  readonly ASSETS: { fetch(request: Request | string): Promise<Response> }
}

/** @see https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const CLOSE_NORMAL = 1000
const CLOSE_WITHOUT_CODE = 1005

export class TabpodRoom extends Server<Bindings> {
  static override readonly options = { hibernate: true }
  readonly #room = new DurableRoom(() => ({
    id: this.name,
    env: this.env,
    storage: this.ctx.storage,
    getConnections: (tag) => this.getConnections(tag),
    call: (room, path, init) => enterRoom(this.env, room, new Request(INSIDE + path, init)),
  }))

  override onRequest(request: Request): Promise<Response> {
    return this.#room.onRequest(request)
  }

  override getConnectionTags(_connection: Connection, { request }: ConnectionContext): string[] {
    return tagsOf(new URL(request.url).pathname)
  }

  override onConnect(connection: Connection, { request }: ConnectionContext): Promise<void> {
    return this.#room.onConnect(connection, request)
  }

  override onMessage(connection: Connection, message: Message): Promise<void> {
    return this.#room.onMessage(connection, message)
  }

  override async onClose(connection: Connection, code: number): Promise<void> {
    await this.#room.onClose(connection)
    // PartyServer answers a close frame with the code in it, and one without a code not at all: the client would wait 10 s and hear 1006.
    if (code === CLOSE_WITHOUT_CODE) connection.close(CLOSE_NORMAL, '')
  }

  override onError(connection: Connection): Promise<void> {
    return this.#room.onClose(connection)
  }
}

export default {
  async fetch(request: Request, env: Bindings): Promise<Response> {
    const { ASSETS } = env
    const { origin } = new URL(request.url)
    return answerAtDoor(request, {
      env,
      asset: (path) => ASSETS.fetch(origin + path),
      file: async (request, path) => {
        if ((request.method !== 'GET' && request.method !== 'HEAD') || isPodPath(path)) return null
        const file = await ASSETS.fetch(request)
        return file.status === 404 ? null : file
      },
      enter: (host, path, request) => enterRoom(env, host, withoutOrders(new Request(origin + path, request))),
    })
  },
}

const enterRoom = ({ ROOMS }: Bindings, name: string, request: Request): Promise<Response> =>
  ROOMS.get(ROOMS.idFromName(name)).fetch(request)

/** An origin for what never leaves the Worker; only its path is looked at. */
const INSIDE = 'https://inside.invalid'

/** PartyServer takes orders from headers that its own router writes, and answers those it cannot read with a stack trace. Here clients would write them. */
const withoutOrders = (request: Request): Request => {
  const orders = [...request.headers.keys()].filter((name) => name.startsWith('x-partykit-'))
  for (const name of orders) request.headers.delete(name)
  return request
}
