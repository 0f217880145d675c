/** What the page knows: who is signed in, and which rooms there are. The token is in memory alone: a page that is left has forgotten it. */
import { signal } from '@preact/signals'
import type { RoomReport } from '../../wire/operator.ts'
import { codeOf, sentenceOf } from '../state/failure.ts'
import { openRegistry, type Registry } from './registry.ts'

/** null: nobody is signed in. */
export const registry = signal<Registry | null>(null)
/** By host; null: not asked yet. */
export const rooms = signal<readonly RoomReport[] | null>(null)
/** Where the list goes on; null: that was all. */
export const more = signal<string | null>(null)
/** Beginning of the host names that are shown. */
export const prefix = signal('')
export const isReading = signal(false)
/** Why the list could not be read; a sentence. */
export const problem = signal<string | null>(null)
/** What was done last, for all to see and hear. */
export const news = signal('')

/** @throws XrpcError as the registry refused */
export const signIn = async (token: string): Promise<void> => {
  const opened = openRegistry(token)
  const { rooms: first, next } = await opened.rooms('', null)
  rooms.value = first
  more.value = next
  registry.value = opened
}

export const signOut = (): void => {
  registry.value = null
  rooms.value = null
  prefix.value = ''
  news.value = ''
}

/** Reads the list anew, or its next part. */
export const read = async (part: 'all' | 'next' = 'all'): Promise<void> => {
  if (!registry.value) return
  const wanted = prefix.value.trim()
  isReading.value = true
  try {
    const list = await registry.value.rooms(wanted, part === 'next' ? more.value : null)
    // Somebody has typed on meanwhile.
    if (wanted !== prefix.value.trim()) return
    rooms.value = part === 'next' ? [...(rooms.value ?? []), ...list.rooms] : list.rooms
    more.value = list.next
    problem.value = null
  } catch (cause) {
    if (leftOut(cause)) return
    problem.value = sentenceOf(cause)
  } finally {
    isReading.value = false
  }
}

/** One order to one room; the list shows how it stands then. @throws XrpcError as the registry refused, but for what only says that the room is gone */
export const change = async (host: string, order: (registry: Registry) => Promise<RoomReport | null>, done: string): Promise<void> => {
  if (!registry.value) return
  try {
    const report = await order(registry.value)
    rooms.value = (rooms.value ?? []).flatMap((room) => (room.host === host ? (report ?? []) : room))
    news.value = done
  } catch (cause) {
    if (leftOut(cause)) return
    if (codeOf(cause) !== 'RoomGone' && codeOf(cause) !== 'RoomNotFound') throw cause
    rooms.value = (rooms.value ?? []).filter((room) => room.host !== host)
    news.value = `${host} has gone in the meantime: no pod lives there any more.`
  }
}

/** The shim was started anew with another token. */
const leftOut = (cause: unknown): boolean => {
  if (codeOf(cause) !== 'AuthFailed') return false
  signOut()
  return true
}
