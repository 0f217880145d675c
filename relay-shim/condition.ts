/** What the room says of itself to anyone, and to those who watch over it. Described in `docs/protocol.md`, "What the room answers itself". */
import type { RoomStatus } from '../wire/frames.ts'
import { STATUS_PATH } from '../wire/frames.ts'
import { ASLEEP_RETRY_AFTER_S } from '../wire/limits.ts'
import type { Binding } from './admission.ts'
import { json } from './answer.ts'
import type { RoomPort } from './port.ts'

const VERSION = 'tabpod 0.1.0'

/** How the room stands now. */
export interface Condition {
  readonly port: RoomPort
  readonly binding: Binding | null
  /** Whether a tab takes requests. */
  readonly online: boolean
  readonly rev: string | null
  /** When the room was opened last, in ms since 1970: an idle one is put to sleep by the runtime, and wakes with whoever comes. */
  readonly awakeSince: number
}

/** null: none of these addresses. */
export const conditionAnswer = (request: Request, pathname: string, condition: () => Condition): Response | null => {
  const describe = ADDRESSES[pathname]
  if (!describe) return null
  if (request.method !== 'GET' && request.method !== 'HEAD')
    return json({ error: 'InvalidRequest', message: 'Only GET is answered here.' }, 405, { allow: 'GET, HEAD' })
  return describe(condition())
}

const NO_STORE = { 'cache-control': 'no-store' }

const status = ({ port, binding, online, rev }: Condition): Response => {
  const said: RoomStatus = {
    host: port.host,
    policy: port.settings.policy,
    bound: binding !== null,
    online,
    did: binding?.did ?? null,
    handle: binding?.handle ?? null,
    rev,
    plc: port.settings.plcUrl,
    recoveryKey: binding?.recoveryKey ?? null,
  }
  return json(said, 200, NO_STORE)
}

/** As the reference PDS has it, and what one wants to know of this one. */
const xrpcHealth = ({ online, rev }: Condition): Response => json({ version: VERSION, online, rev }, 200, NO_STORE)

/** The room is alive, whatever its pod does. */
const health = ({ online, rev, binding, awakeSince }: Condition): Response =>
  json(
    { version: VERSION, online, rev, standing: binding?.standing ?? null, awakeSince: new Date(awakeSince).toISOString() },
    200,
    NO_STORE,
  )

/** Whether an account is here that can be written to now. */
const readiness = ({ online, binding }: Condition): Response => {
  if (!binding) return notReady('NoPodHere', 'No pod lives at this address yet.')
  if (!online) return notReady('PodAsleep', 'The tab that holds this pod is closed; what is public is still served.')
  if (binding.standing === 'vacant') return notReady('NoAccountHere', 'The tab is open, but no account has moved in yet.')
  return json({ ready: true, standing: binding.standing }, 200, NO_STORE)
}

const notReady = (error: string, message: string): Response =>
  json({ ready: false, error, message }, 503, { ...NO_STORE, 'retry-after': String(ASLEEP_RETRY_AFTER_S) })

const ADDRESSES: Readonly<Record<string, (condition: Condition) => Response>> = {
  [STATUS_PATH]: status,
  '/xrpc/_health': xrpcHealth,
  '/health': health,
  '/ready': readiness,
}
