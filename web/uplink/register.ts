/** The page's side of the service worker: registered where a pod lives or is being made, and nowhere else. */
import { Workbox } from 'workbox-window'
import { OWNER_DEADLINE_MS } from '../../wire/limits.ts'
import type { OwnerAnswer, OwnerCommand, OwnerMessage, PodSummary } from '../../wire/owner.ts'

const WORKER_URL = '/sw.js'
const UNREGISTER_PARAM = 'unregister-worker'

/** Registers the worker, or finds it registered, and resolves when it is active. */
export const registerWorker = async (): Promise<ServiceWorker> => {
  await new Workbox(WORKER_URL, { scope: '/' }).register({ immediate: true })
  const { active } = await navigator.serviceWorker.ready
  if (!active) throw new Error('the service worker is not active')
  return active
}

/** The active worker of this profile, or null: then no pod lives here, and a visitor gets no worker. */
export const findWorker = async (): Promise<ServiceWorker | null> => {
  if (!('serviceWorker' in navigator)) return null
  const registration = await navigator.serviceWorker.getRegistration('/')
  if (!registration) return null
  return (await navigator.serviceWorker.ready).active
}

/** Never rejects. `create` registers the worker first; `describe` and `forget` answer null where there is none. */
export const askOwner = async (command: OwnerCommand): Promise<OwnerAnswer<PodSummary | null>> => {
  try {
    const worker = command.kind === 'create' ? await registerWorker() : await findWorker()
    if (!worker) return { ok: true, value: null }
    const answer = await ask(worker, command)
    // A worker without a pod would only stand in the way of a visitor's page.
    if (command.kind === 'forget' && answer.ok) await unregisterWorkers()
    return answer
  } catch (cause) {
    return { ok: false, status: 503, error: 'WorkerUnavailable', message: cause instanceof Error ? cause.message : String(cause) }
  }
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

const ask = (worker: ServiceWorker, command: OwnerCommand): Promise<OwnerAnswer<PodSummary | null>> =>
  new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel()
    const deadline = setTimeout(() => {
      port1.close()
      reject(new Error('The service worker did not answer'))
    }, OWNER_DEADLINE_MS)
    port1.onmessage = ({ data }: MessageEvent<OwnerAnswer<PodSummary | null>>) => {
      clearTimeout(deadline)
      port1.close()
      resolve(data)
    }
    const message: OwnerMessage = { tabpod: 'owner', command }
    worker.postMessage(message, [port2])
  })
