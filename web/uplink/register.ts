/** The page's side of the service worker: registered where a pod lives or is being made, and nowhere else. */
import { Workbox } from 'workbox-window'
import { XrpcError } from '../../wire/errors.ts'
import { OWNER_DEADLINE_MS } from '../../wire/limits.ts'
import type { OwnerAnswer, OwnerCommand, OwnerMessage } from '../../wire/owner.ts'

const WORKER_URL = '/sw.js'
const UNREGISTER_PARAM = 'unregister-worker'

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
 * `create` registers the worker first; the others answer null where there is none. `T` is what the command answers (`wire/owner.ts`).
 * @throws XrpcError as the worker refused, or 503 WorkerUnavailable
 */
export const askOwner = async <T>(command: OwnerCommand): Promise<T> => {
  const worker = command.kind === 'create' ? await registerWorker() : await findWorker()
  if (!worker) return null as T
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

const ask = <T>(worker: ServiceWorker, command: OwnerCommand): Promise<OwnerAnswer<T>> =>
  new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel()
    const deadline = setTimeout(() => {
      port1.close()
      reject(new XrpcError(503, 'WorkerUnavailable', 'The service worker did not answer'))
    }, OWNER_DEADLINE_MS)
    port1.onmessage = ({ data }: MessageEvent<OwnerAnswer<T>>) => {
      clearTimeout(deadline)
      port1.close()
      resolve(data)
    }
    const message: OwnerMessage = { tabpod: 'owner', command }
    worker.postMessage(message, [port2])
  })
