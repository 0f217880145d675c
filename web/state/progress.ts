/** A long work of the owner's, as far as it has come. One at a time: the worker refuses a second. */
import { signal } from '@preact/signals'
import type { Activity } from '../../wire/owner.ts'
import { onActivity } from '../uplink/activity.ts'
import { formatCount } from './size.ts'

export type Progress = Pick<Extract<Activity, { kind: 'progress' }>, 'work' | 'done' | 'total'>

/** null: nothing is under way, or nothing is known yet. */
export const progress = signal<Progress | null>(null)

/** Runs `work` while `progress` follows what the worker says of it. */
export const followed = async <T>(work: () => Promise<T>): Promise<T> => {
  const stop = onActivity((activity) => {
    if (activity.kind === 'progress') progress.value = activity
  })
  try {
    return await work()
  } finally {
    stop()
    progress.value = null
  }
}

/** `1,200 of 10,000 records`, or `1,200 records` where nobody knows how many there will be. */
export const progressText = ({ work, done, total }: Progress): string =>
  `${formatCount(done)}${total === undefined ? '' : ` of ${formatCount(total)}`} ${work}`
