/**
 * The live strip: newest first, bounded, and painted at most once per frame however much happens.
 * Frames do not come to hidden tabs, so what waits is bounded too.
 */
import { signal } from '@preact/signals'
import type { ReadonlySignal } from '@preact/signals'
import type { Activity } from '../../wire/owner.ts'

export type StripActivity = Extract<Activity, { kind: 'request' | 'event' }>
export interface StripRow {
  readonly id: number
  readonly activity: StripActivity
}

export interface Strip {
  /** Newest first. */
  readonly rows: ReadonlySignal<readonly StripRow[]>
  readonly paused: ReadonlySignal<boolean>
  /** How many have come in since it was paused. */
  readonly held: ReadonlySignal<number>
  add(activity: StripActivity): void
  pause(): void
  resume(): void
}

/** More rows than anyone scrolls through; their DOM stays cheap. */
const MAX_ROWS = 200

/** `schedule` calls back before the next paint. */
export const createStrip = (
  schedule: (paint: () => void) => void = (paint) => void requestAnimationFrame(paint),
  limit = MAX_ROWS,
): Strip => {
  const rows = signal<readonly StripRow[]>([])
  const paused = signal(false)
  const held = signal(0)
  let waiting: StripRow[] = []
  let heldNow = 0
  let scheduled = false
  let lastId = 0

  const paint = (): void => {
    scheduled = false
    if (paused.value) {
      held.value = heldNow
      return
    }
    if (waiting.length > 0) rows.value = [...waiting.reverse(), ...rows.value].slice(0, limit)
    waiting = []
  }

  return {
    rows,
    paused,
    held,
    add(activity) {
      waiting.push({ id: ++lastId, activity })
      if (waiting.length > limit) waiting.shift()
      if (paused.value) heldNow++
      if (scheduled) return
      scheduled = true
      schedule(paint)
    },
    pause() {
      paused.value = true
    },
    resume() {
      paused.value = false
      heldNow = 0
      held.value = 0
      paint()
    },
  }
}
