/** The operator's half of a room: what it reports of itself, and what it does on the operator's order. */
import { XrpcError } from '../../wire/errors.ts'
import { isKickOrder, type KickOrder, type RoomReport } from '../../wire/operator.ts'
import type { Admission } from '../admission.ts'
import type { Quotas } from '../hosting/quotas.ts'
import type { Lane } from '../lane.ts'
import type { Mirror } from '../mirror/mirror.ts'
import type { RoomPort } from '../port.ts'
import { Refused } from '../refused.ts'
import { orderOf } from './inside.ts'
import { Reports, type Told } from './reports.ts'

export interface OverseenRoom {
  readonly port: RoomPort
  readonly admission: Admission
  readonly mirror: Mirror
  readonly quotas: Quotas
  readonly lane: Lane
  /** Whether a tab takes requests. */
  readonly isOnline: () => boolean
  /** When the tab said anything last, in ms since 1970. */
  readonly seenAt: () => number
  /** Ends the uplink, if there is one. */
  readonly sendAway: (cause: Refused) => void
  /** The room is free again. */
  readonly clear: () => Promise<void>
}

export class Oversight {
  readonly #room: OverseenRoom
  readonly reports: Reports

  constructor(room: OverseenRoom, told: Told | null) {
    this.#room = room
    this.reports = new Reports(room.port, told, () => this.#report())
  }

  /** Null: no order, since it did not come from inside. Answers how the room stands then. */
  obey(request: Request, pathname: string): Promise<Response> | null {
    const order = orderOf(request, pathname)
    return order === null ? null : this.#obey(order, request)
  }

  async #obey(order: string, request: Request): Promise<Response> {
    const said: unknown = await request.json()
    if (order === 'kick' && isKickOrder(said)) await this.#kick(said)
    else if (order === 'readmit') await this.#room.admission.reopen()
    else if (order === 'forget') await this.#forget()
    else if (order !== 'look') throw new XrpcError(400, 'InvalidRequest', `A room does not know the order ${order}.`)
    return Response.json(await this.#report())
  }

  #kick({ reason, ms }: KickOrder): Promise<void> {
    const { admission, port, sendAway } = this.#room
    return this.#inTurn(async () => sendAway(await admission.shut({ reason, until: port.now() + ms })))
  }

  #forget(): Promise<void> {
    const { admission, sendAway, clear } = this.#room
    return this.#inTurn(async () => {
      sendAway(new Refused('Forgotten', 'The operator of your relay has deleted what it held of this PDS.'))
      await clear()
      await admission.reopen()
    })
  }

  /** In the lane: what the tab has sent before is done, and no hello that is being judged slips through. */
  #inTurn(step: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => this.#room.lane.enter(() => step().then(resolve, reject)))
  }

  async #report(): Promise<RoomReport | null> {
    const { port, admission, mirror, quotas, isOnline, seenAt } = this.#room
    if (!admission.binding) return null
    const { did, handle, standing } = admission.binding
    const [bytes, used] = await Promise.all([port.storage.usedBytes(), quotas.use()])
    return {
      host: port.host,
      did,
      handle,
      standing,
      online: isOnline(),
      seenAt: seenAt(),
      rev: mirror.head()?.rev ?? null,
      bytes,
      subscribers: [...port.sockets('subscriber')].length,
      quotas: used,
      kick: admission.kick,
      at: port.now(),
    }
  }
}
