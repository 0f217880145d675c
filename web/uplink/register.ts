/** The page's side of the service worker: registered where a pod lives or is being made, and nowhere else. */
import { Workbox } from 'workbox-window'
import { XrpcError } from '../../wire/errors.ts'
import { KEEP_ALIVE_INTERVAL_MS, OWNER_DEADLINE_MS } from '../../wire/limits.ts'
import type { KeepAliveMessage, OwnerAnswer, OwnerCommand, OwnerMessage } from '../../wire/owner.ts'
import { onActivity } from './activity.ts'

const WORKER_URL = '/sw.js'
const UNREGISTER_PARAM = 'unregister-worker'
/** A pod comes to be with these, so they bring the worker with them. Nothing else may: a visitor gets none. */
const BRING_WORKER: ReadonlySet<OwnerCommand['kind']> = new Set(['create', 'await-account', 'check-recovery-file', 'restore'])

/** Registers the worker, or finds it registered, and resolves when it is active. */
export const registerWorker = async (): Promise<ServiceWorker> => {
  await new Workbox(WORKER_URL, { scope: '/' }).register({ immediate: true })
  const { active } = await navigator.serviceWorker.ready
  if (!active) throw new XrpcError(503, 'WorkerUnavailable', 'The service worker is not active')
  return active
}

/** The active worker of this profile, or null: then no pod lives here, and a visitor gets no worker. */
export const findWorker = async (): Promise<ServiceWorker | null> => {
  if (!('serviceWorker' in navigator)) return null
  const registration = await navigator.serviceWorker.getRegistration('/')
  if (!registration) return null
  return (await navigator.serviceWorker.ready).active
}

/**
 * `T` is what the command answers (`wire/owner.ts`); `describe` and `forget` answer null where there is no worker.
 * @throws XrpcError as the worker refused, 404 NoPod, or 503 WorkerUnavailable
 */
export const askOwner = async <T>(command: OwnerCommand): Promise<T> => {
  const worker = BRING_WORKER.has(command.kind) ? await registerWorker() : await findWorker()
  if (!worker) {
    if (command.kind === 'describe' || command.kind === 'forget') return null as T
    throw new XrpcError(404, 'NoPod', 'There is no PDS in this browser profile')
  }
  const answer = await ask<T>(worker, command)
  if (!answer.ok) throw new XrpcError(answer.status, answer.error, answer.message)
  return answer.value
}

/** `/?unregister-worker` is the way out of a broken worker. Resolves true when the address asked for it and it is done. */
export const unregisterIfAsked = async (): Promise<boolean> => {
  if (!('serviceWorker' in navigator) || !new URLSearchParams(location.search).has(UNREGISTER_PARAM)) return false
  await unregisterWorkers()
  await Promise.all((await caches.keys()).map((name) => caches.delete(name)))
  return true
}

const unregisterWorkers = async (): Promise<void> => {
  const registrations = await navigator.serviceWorker.getRegistrations()
  await Promise.all(registrations.map((registration) => registration.unregister()))
}

/** An import may take many minutes: the deadline counts from the last sign of progress, and the worker is kept awake, which without a pod no uplink does. */
const ask = <T>(worker: ServiceWorker, command: OwnerCommand): Promise<OwnerAnswer<T>> =>
  new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel()
    const giveUp = (): void => {
      end()
      reject(new XrpcError(503, 'WorkerUnavailable', 'The service worker did not answer'))
    }
    let deadline = setTimeout(giveUp, OWNER_DEADLINE_MS)
    const beat = setInterval(() => worker.postMessage({ tabpod: 'keep-alive' } satisfies KeepAliveMessage), KEEP_ALIVE_INTERVAL_MS)
    const stopListening = onActivity(({ kind }) => {
      if (kind !== 'progress') return
      clearTimeout(deadline)
      deadline = setTimeout(giveUp, OWNER_DEADLINE_MS)
    })
    const end = (): void => {
      clearTimeout(deadline)
      clearInterval(beat)
      stopListening()
      port1.close()
    }
    port1.onmessage = ({ data }: MessageEvent<OwnerAnswer<T>>) => {
      end()
      resolve(data)
    }
    const message: OwnerMessage = { tabpod: 'owner', command }
    worker.postMessage(message, [port2])
  })
