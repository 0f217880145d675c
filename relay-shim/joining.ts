/** Tabs at the door: sockets of the uplink that have not been admitted yet, from the challenge to the answer. `docs/protocol.md`, "Joining". */
import { JOIN_DEADLINE_MS, MAX_UNADMITTED } from '../wire/limits.ts'
import type { Admission } from './admission.ts'
import type { RoomPort, RoomSocket, SocketState } from './port.ts'
import { Refused, refusalOf } from './refused.ts'
import { sendFrame } from './uplink.ts'

/** Close codes of the uplink; the reason is the code of the `refused` frame before it. @see https://www.rfc-editor.org/rfc/rfc6455#section-7.4.2 */
const CLOSE_REFUSED = 4003
export const CLOSE_REPLACED = 4009
/** No refusal goes before it: a tab that does hear it dials again. */
export const CLOSE_SILENT = 4008

export class Joining {
  readonly #port: RoomPort
  readonly #admission: Admission
  /** What cuts off who does not join, by socket. A timer that runs keeps the room awake. */
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>()

  constructor(port: RoomPort, admission: Admission) {
    this.#port = port
    this.#admission = admission
  }

  begin(socket: RoomSocket): void {
    this.#makeRoom()
    const challenge = this.#admission.challenge()
    socket.setState({ role: 'uplink', nonce: challenge.nonce, stage: 'challenged' })
    sendFrame(socket, challenge)
    const cutOff = (): void => {
      this.#timers.delete(socket.id)
      if (!isAdmitted(socket.state)) refuse(socket, tooLate())
    }
    this.#timers.set(socket.id, setTimeout(cutOff, JOIN_DEADLINE_MS))
  }

  /** The nonce that its hello must answer; it is spent, whatever comes of it. null: there was a hello already. */
  takeNonce(socket: RoomSocket): string | null {
    const { state } = socket
    if (state?.role !== 'uplink' || state.stage !== 'challenged') return null
    socket.setState({ role: 'uplink', nonce: '', stage: 'greeted' })
    return state.nonce
  }

  /** Whether it is still there to be admitted: it may have gone, or been cut off, while its hello was checked. */
  isWaiting(socket: RoomSocket): boolean {
    return !isOver(socket.state) && [...this.#port.sockets('uplink')].some(({ id }) => id === socket.id)
  }

  /** Admitted, refused or gone. */
  ended({ id }: RoomSocket): void {
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
  }

  /** Sockets outlive the room's memory. Whose hello was cut off by that must say it anew, on a new connection. @returns the tab that was admitted, and still is */
  resumed(): RoomSocket | null {
    let admitted: RoomSocket | null = null
    for (const socket of this.#port.sockets('uplink')) {
      // Without a state: it is the one that woke the room, and begins when the room is there.
      if (!socket.state || isOver(socket.state)) continue
      if (isAdmitted(socket.state)) admitted = socket
      else refuse(socket, tooLate())
    }
    return admitted
  }

  /** Whoever has stood there longest goes: an honest tab needs a moment, and a crowd of strangers must not keep it out. */
  #makeRoom(): void {
    const waiting = [...this.#port.sockets('uplink')].filter(({ state }) => !isAdmitted(state) && !isOver(state))
    for (const oldest of waiting.slice(0, Math.max(0, waiting.length + 1 - MAX_UNADMITTED)))
      refuse(oldest, new Refused('TooManyConnections', 'Too many tabs try to join at the same time.'))
  }
}

/** Says why in one sentence, then closes. */
export const refuse = (socket: RoomSocket, cause: unknown, code = CLOSE_REFUSED): void => {
  if (!(cause instanceof Refused)) console.error('room: the uplink failed', cause)
  const said = refusalOf(cause)
  sendFrame(socket, { t: 'refused', ...said })
  closeUplink(socket, code, said.error)
}

export const closeUplink = (socket: RoomSocket, code: number, reason: string): void => {
  try {
    socket.setState({ role: 'uplink', nonce: '', stage: 'over' })
    socket.close(code, reason)
  } catch {
    // closed already
  }
}

const isAdmitted = (state: SocketState | null): boolean => state?.role === 'uplink' && (state.stage === 'joined' || state.stage === 'ready')

const isOver = (state: SocketState | null): boolean => state?.role === 'uplink' && state.stage === 'over'

const tooLate = (): Refused => new Refused('JoinTimeout', 'The tab did not prove itself in time.')
