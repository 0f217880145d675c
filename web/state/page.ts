/** Which page this browser gets to see, and the road there: owner's home, first visit, a visitor's page, or what is in the way. */
import { signal } from '@preact/signals'
import type { RoomStatus } from '../../wire/frames.ts'
import type { PodSummary } from '../../wire/owner.ts'
import { findPod, goOnline, pod } from './pod.ts'
import { readRoom } from './room.ts'
import { go } from './route.ts'
import { unsupported } from './support.ts'
import type { Unsupported } from './support.ts'

export type Obstacle = Unsupported | 'blocked' | 'room-unreachable' | 'worker-silent'

export type Page =
  | { readonly kind: 'opening' }
  | { readonly kind: 'home' }
  | { readonly kind: 'first-visit'; readonly room: RoomStatus }
  | { readonly kind: 'visitor'; readonly room: RoomStatus }
  | { readonly kind: 'obstacle'; readonly obstacle: Obstacle; readonly detail?: string }

export const page = signal<Page>({ kind: 'opening' })

/** Decides anew. A visitor's browser gets no worker: it is looked for here, never registered. */
export const openPage = async (): Promise<void> => {
  page.value = await decide()
}

/** After creation: the pod is here, show it. The road there (`#/restore`) is no place to be in any more. */
export const showHome = (summary: PodSummary): void => {
  pod.value = summary
  go('')
  page.value = { kind: 'home' }
}

const decide = async (): Promise<Page> => {
  const lacking = unsupported(globalThis)
  let blocked = false
  if (lacking === null) {
    try {
      const summary = await findPod()
      if (summary) {
        pod.value = summary
        goOnline()
        return { kind: 'home' }
      }
    } catch (cause) {
      if (!isBlocked(cause)) return { kind: 'obstacle', obstacle: 'worker-silent', detail: String(cause) }
      blocked = true
    }
  }
  try {
    const room = await readRoom()
    // Reading someone else's public page needs nothing of the browser.
    if (room.bound) return { kind: 'visitor', room }
    if (lacking !== null || blocked) return { kind: 'obstacle', obstacle: lacking ?? 'blocked' }
    return { kind: 'first-visit', room }
  } catch (cause) {
    return { kind: 'obstacle', obstacle: 'room-unreachable', detail: String(cause) }
  }
}

/** Private windows and blocked site data refuse workers and storage with these. */
export const isBlocked = (cause: unknown): boolean =>
  cause instanceof DOMException &&
  (cause.name === 'SecurityError' || cause.name === 'InvalidStateError' || cause.name === 'NotSupportedError')
