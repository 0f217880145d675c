/** What the operator of a shim asks, and what is answered: the operator's page in `web/operator/`, the registry in `relay-shim/operator/`. See docs/hosting.md, "The operator's page". */
import * as v from 'valibot'
import type { Standing } from './frames.ts'
import { MAX_KICK_MS, MAX_KICK_REASON_CHARS } from './limits.ts'

/** The page, at every host that is listed; what it asks is below. All of it is 404 without TABPOD_OPERATOR_TOKEN. */
export const OPERATOR_PATH = '/_tabpod/operator'
/** GET, with `?after=<host>` and `?prefix=<start of a host>`: `RoomList`. */
export const ROOMS_PATH = `${OPERATOR_PATH}/rooms`
/** POST `KickOrder`: the tab is sent away, and not let in until then. Answers `RoomReport`. */
export const KICK_PATH = `${OPERATOR_PATH}/kick`
/** POST `HostOrder`: a tab that was sent away may come back at once. Answers `RoomReport`. */
export const READMIT_PATH = `${OPERATOR_PATH}/readmit`
/** POST `ForgetOrder`: the room forgets its pod, as if the owner had deleted it, and is free. Answers `{}`. */
export const FORGET_PATH = `${OPERATOR_PATH}/forget`
/** POST `HostOrder`: how this room stands now, asked of the room itself. Answers `RoomReport`. */
export const LOOK_PATH = `${OPERATOR_PATH}/look`

const host = v.pipe(v.string(), v.maxLength(300))
const hostOrder = v.object({ host })
const kickOrder = v.object({
  host,
  /** For the owner to read. */
  reason: v.pipe(v.string(), v.maxLength(MAX_KICK_REASON_CHARS)),
  /** How long the room stays shut for it. */
  ms: v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_KICK_MS)),
})
/** `confirm` repeats the host. */
const forgetOrder = v.object({ host, confirm: v.string() })

export type HostOrder = v.InferOutput<typeof hostOrder>
export type KickOrder = v.InferOutput<typeof kickOrder>
export type ForgetOrder = v.InferOutput<typeof forgetOrder>

export const isHostOrder = (value: unknown): value is HostOrder => v.is(hostOrder, value)
export const isKickOrder = (value: unknown): value is KickOrder => v.is(kickOrder, value)
export const isForgetOrder = (value: unknown): value is ForgetOrder => v.is(forgetOrder, value)

/** One of the quotas that the operator has set; `limit` and `used` in its own unit, `freeAt` in ms since 1970, where it frees itself. */
export interface QuotaUse {
  readonly limit: number
  readonly used: number
  readonly freeAt?: number
}

/** How a room with a pod in it stood when it said so last. */
export interface RoomReport {
  readonly host: string
  readonly did: string
  readonly handle: string
  readonly standing: Standing
  /** Whether a tab took requests. */
  readonly online: boolean
  /** When the tab said anything last, in ms since 1970; 0: never. */
  readonly seenAt: number
  /** Of the mirror; null: nothing is mirrored. */
  readonly rev: string | null
  /** All that the room has stored. */
  readonly bytes: number
  /** Subscribers of its firehose. */
  readonly subscribers: number
  /** Null: no such quota. `storage` in bytes. */
  readonly quotas: { readonly storage: QuotaUse | null; readonly requests: QuotaUse | null; readonly events: QuotaUse | null }
  /** Set while no tab is let in. */
  readonly kick: { readonly until: number; readonly reason: string } | null
  /** When it was said, in ms since 1970. */
  readonly at: number
}

export interface RoomList {
  /** By host. */
  readonly rooms: readonly RoomReport[]
  /** `after` of the next part; null: that was all. */
  readonly next: string | null
  /** The shim's clock. */
  readonly at: number
}
