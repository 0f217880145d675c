/** How the pod is as a server: what the room has, what the worker is, and what the world finds. */
import { signal } from '@preact/signals'
import type { Health, IdentityCheck, PodSummary } from '../../wire/owner.ts'
import { askOwner } from '../uplink/register.ts'
import { changePod } from './pod.ts'
import { readRoom } from './room.ts'

/** null: not asked yet. */
export const worker = signal<Health | null>(null)
/** rev of the mirror; `unknown`: the room cannot be asked. undefined: not asked yet. */
export const mirrored = signal<string | null | 'unknown' | undefined>(undefined)
export const identityCheck = signal<IdentityCheck | null>(null)

/** Never rejects: a worker that does not answer shows in the status light. */
export const readWorker = async (): Promise<void> => {
  worker.value = await askOwner<Health>({ kind: 'health' }).catch(() => null)
}

/** Never rejects. */
export const readMirror = async (): Promise<void> => {
  mirrored.value = await readRoom().then(
    ({ rev }) => rev,
    () => 'unknown',
  )
}

export const checkIdentity = async (): Promise<void> => {
  identityCheck.value = await askOwner<IdentityCheck>({ kind: 'check-identity' })
}

export const announceIdentity = (): Promise<void> => changePod({ kind: 'announce-identity' })

/** A finding in a sentence; `isGood` is null where there is nothing to judge. */
export interface Finding {
  readonly isGood: boolean | null
  readonly text: string
}

export const mirrorFinding = (
  { standing, rev, outbox }: Pick<PodSummary, 'standing' | 'rev' | 'outbox'>,
  there: typeof mirrored.value,
): Finding => {
  if (standing === 'vacant' || standing === 'arriving') return { isGood: null, text: 'Nothing is copied before the account is active.' }
  if (there === undefined) return { isGood: null, text: 'Asking…' }
  if (there === 'unknown') return { isGood: false, text: 'The room cannot be reached.' }
  if (there === null) return { isGood: false, text: 'The room has no copy yet.' }
  if (there === rev) return { isGood: true, text: `In step, at ${rev}.` }
  return { isGood: outbox > 0 ? null : false, text: `The room is at ${there}, this browser at ${rev}.` }
}
