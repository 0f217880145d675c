/** A room as the runtime calls it: opened by whoever comes first, and again after each hibernation. */
import { errorToResponse, json } from './answer.ts'
import { durablePort, type Party, type PartyConnection, socketOf } from './durable-port.ts'
import { REGISTRY } from './operator/inside.ts'
import { Registry } from './operator/registry.ts'
import { Room } from './room.ts'
import { BadSettings, readSettings } from './settings/settings.ts'

/** Who lives in an object: a room, or the registry, which has no sockets. */
interface Occupant extends Pick<Room, 'onRequest'>, Partial<Pick<Room, 'onConnect' | 'onMessage' | 'onClose'>> {}

export type Message = string | ArrayBuffer | ArrayBufferView

/** The room cannot be opened. @see https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const CLOSE_INTERNAL_ERROR = 1011

export class DurableRoom {
  readonly #party: () => Party
  #room: Occupant | null = null
  #opening: Promise<Occupant> | null = null

  /** `party` is asked when the room opens: a runtime may not know the room's name any earlier. */
  constructor(party: () => Party) {
    this.#party = party
  }

  /** `request.url` carries the public path and query. */
  async onRequest(request: Request): Promise<Response> {
    try {
      const room = this.#room ?? (await this.#open())
      return await room.onRequest(request)
    } catch (cause) {
      if (cause instanceof BadSettings) return json({ error: 'Misconfigured', message: cause.message }, 500)
      return errorToResponse(cause)
    }
  }

  async onConnect(connection: PartyConnection, request: Request): Promise<void> {
    try {
      const room = this.#room ?? (await this.#open())
      await room.onConnect?.(socketOf(connection), request)
    } catch (cause) {
      // Whoever connects is told nothing of it: PartyServer would send the stack.
      console.error('room: a socket could not be taken', cause)
      connection.close(CLOSE_INTERNAL_ERROR, 'InternalServerError')
    }
  }

  async onMessage(connection: PartyConnection, message: Message): Promise<void> {
    const room = this.#room ?? (await this.#open())
    room.onMessage?.(socketOf(connection), bytesOf(message))
  }

  async onClose(connection: PartyConnection): Promise<void> {
    const room = this.#room ?? (await this.#open())
    room.onClose?.(socketOf(connection))
  }

  /** No runtime opens it before the first request, everybody waits for who comes first. A failed opening is tried again by the next one. */
  #open(): Promise<Occupant> {
    this.#opening ??= (async () => {
      try {
        const party = this.#party()
        const port = durablePort(party, readSettings(party.env))
        this.#room = await (party.id === REGISTRY ? Registry.open(port) : Room.open(port))
        return this.#room
      } catch (cause) {
        this.#opening = null
        throw cause
      }
    })()
    return this.#opening
  }
}

/** Text is no frame: its length field will say so. */
const bytesOf = (message: Message): Uint8Array => {
  if (typeof message === 'string') return new Uint8Array(0)
  if (message instanceof ArrayBuffer) return new Uint8Array(message)
  return new Uint8Array(message.buffer, message.byteOffset, message.byteLength)
}
