/** A whole shim without a runtime: front door, rooms and registry, each opened by whoever comes first, that call each other. */
import { UPLINK_PATH } from '../../wire/frames.ts'
import { answerAtDoor } from '../front-door.ts'
import { REGISTRY } from '../operator/inside.ts'
import { Registry } from '../operator/registry.ts'
import { Room } from '../room.ts'
import { readSettings } from '../settings/settings.ts'
import { MemoryPort, type MemorySocket } from './memory-port.ts'
import { TestTab, type TabKeys } from './tab.ts'

export class MemoryShim {
  readonly ports = new Map<string, MemoryPort>()
  readonly #env: Readonly<Record<string, string>>
  readonly #open = new Map<string, Promise<Room | Registry>>()

  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env
  }

  /** A request of the outside world. */
  ask(host: string, path: string, init: RequestInit = {}): Promise<Response> {
    return answerAtDoor(new Request(`https://runtime.invalid${path}`, { ...init, headers: { ...init.headers, host } }), {
      env: this.#env,
      asset: async (file) => new Response(file),
      enter: async (name, entered, request) =>
        (await this.#enter(name)).onRequest(new Request(`https://inside.invalid${entered}`, request)),
    })
  }

  async room(host: string): Promise<Room> {
    const room = await this.#enter(host)
    if (room instanceof Registry) throw new Error('the registry is no room')
    return room
  }

  /** What storage and sockets do not hold is gone. */
  evict(host: string): void {
    this.#open.delete(host)
  }

  async connect(host: string, keys: TabKeys): Promise<{ readonly tab: TestTab; readonly socket: MemorySocket }> {
    const first = await this.room(host)
    const socket = this.port(host).socket()
    const tab = new TestTab(keys, (bytes) => void setImmediate(async () => (await this.room(host)).onMessage(socket, bytes)))
    socket.send = (bytes) => void setImmediate(() => tab.receive(bytes))
    await first.onConnect(socket, new Request(`https://${host}${UPLINK_PATH}`))
    tab.onRequest = ({ id, path }) => tab.answer(id, `tab: ${path}`)
    return { tab, socket }
  }

  async leave(host: string, socket: MemorySocket): Promise<void> {
    this.port(host).connected.delete(socket)
    ;(await this.room(host)).onClose(socket)
  }

  port(name: string): MemoryPort {
    let port = this.ports.get(name)
    if (!port) {
      port = new MemoryPort({ host: name, settings: readSettings({ TABPOD_RATE_LIMITS: 'off', ...this.#env }) })
      port.call = async (room, { path, init }) => (await this.#enter(room)).onRequest(new Request(`https://inside.invalid${path}`, init))
      this.ports.set(name, port)
    }
    return port
  }

  #enter(name: string): Promise<Room | Registry> {
    let room = this.#open.get(name)
    if (!room) {
      room = name === REGISTRY ? Registry.open(this.port(name)) : Room.open(this.port(name))
      this.#open.set(name, room)
    }
    return room
  }
}
