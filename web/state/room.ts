/** What the room tells anyone about itself. */
import { STATUS_PATH } from '../../wire/frames.ts'
import type { RoomStatus } from '../../wire/frames.ts'

/** @throws if the room cannot be reached or answers anything but its status. */
export const readRoom = async (): Promise<RoomStatus> => {
  const answer = await fetch(STATUS_PATH, { cache: 'no-store', headers: { accept: 'application/json' } })
  const status: unknown = await answer.json()
  if (!answer.ok || !isRoomStatus(status)) throw new Error(`the room answered ${answer.status} without a status`)
  return status
}

const isRoomStatus = (value: unknown): value is RoomStatus =>
  typeof value === 'object' &&
  value !== null &&
  'host' in value &&
  'policy' in value &&
  'bound' in value &&
  typeof value.bound === 'boolean'
