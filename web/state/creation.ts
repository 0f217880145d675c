/** Creating a pod, as the steps that the person waiting for it sees. */
import { effect, signal } from '@preact/signals'
import type { PodSummary } from '../../wire/owner.ts'
import { codeOf, sentenceOf } from './failure.ts'
import { isBlocked, page, showHome } from './page.ts'
import { goOnline, link, makePod } from './pod.ts'
import type { PodWish } from './pod.ts'
import { askToKeep } from './storage.ts'

/** In this order. `worker`: registering it · `pod`: keys and empty repo · `address`: joining the room. */
export type CreationStep = 'worker' | 'pod' | 'address'

export interface CreationFailure {
  readonly field: 'handle' | 'password' | 'form'
  readonly message: string
}

export const creationStep = signal<CreationStep | null>(null)

/** A room that does not answer by then does not hold the home page back: the light there says the rest. */
const ADDRESS_PATIENCE_MS = 8000

/** null when all went well; the home page is shown then. */
export const createPod = async (wanted: PodWish, claim: string): Promise<CreationFailure | null> => {
  creationStep.value = 'worker'
  try {
    const summary = await makePod(wanted, () => (creationStep.value = 'pod'))
    creationStep.value = 'address'
    await enterHome(summary, claim)
    return null
  } catch (cause) {
    if (isBlocked(cause)) page.value = { kind: 'obstacle', obstacle: 'blocked', detail: String(cause) }
    return failureOf(cause)
  } finally {
    creationStep.value = null
  }
}

/** With a pod that has just come to be, by whatever road: it goes online, and its home page is shown. */
export const enterHome = async (summary: PodSummary, claim: string): Promise<void> => {
  // Not awaited: Firefox asks the person, and the pod does not wait for the answer.
  void askToKeep()
  goOnline(claim)
  await settled()
  showHome(summary)
}

/** The uplink is up, or refused with a reason. */
const settled = (): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, ADDRESS_PATIENCE_MS)
    const stop = effect(() => {
      if (link.value?.state !== 'online' && link.value?.state !== 'refused') return
      clearTimeout(timer)
      resolve()
      queueMicrotask(() => stop())
    })
  })

/** By the worker's stable codes; what belongs to no field is said above the button. */
export const failureOf = (cause: unknown): CreationFailure => {
  const message = sentenceOf(cause)
  switch (codeOf(cause)) {
    case 'InvalidHandle':
    case 'HandleNotAvailable':
    case 'UnsupportedDomain':
      return { field: 'handle', message }
    case 'InvalidPassword':
      return { field: 'password', message }
    default:
      return { field: 'form', message }
  }
}
