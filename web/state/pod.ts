/** The pod of this profile as the owner's pages see it: kept up to date by what the worker says. The only module of the app that starts the uplink. */
import { computed, signal } from '@preact/signals'
import type { LinkState, OwnerCommand, PodSummary } from '../../wire/owner.ts'
import { onActivity } from '../uplink/activity.ts'
import { askOwner, registerWorker, unregisterIfAsked } from '../uplink/register.ts'
import { startUplink } from '../uplink/start.ts'
import { dropClaim, keepClaim, keptClaim } from './claim.ts'
import { readInbox } from './inbox.ts'
import { lightOfPod } from './light.ts'
import { offerToSites } from './sites.ts'
import { createStrip } from './strip.ts'

/** Counts may lag behind the strip by this much: each refresh reads the whole pod. */
const REFRESH_EVERY_MS = 1000

/** What the owner chose. `plc`: the directory for a did:plc; left out: did:web. */
export type PodWish = Omit<Extract<OwnerCommand, { kind: 'create' }>, 'kind'>

export const pod = signal<PodSummary | null>(null)
export const link = signal<LinkState | null>(null)
export const network = signal(navigator.onLine)
export const light = computed(() => lightOfPod(pod.value?.standing ?? 'active', link.value, network.value))
export const strip = createStrip()

let stopUplink: (() => void) | undefined
let refreshTimer: ReturnType<typeof setTimeout> | undefined

/** null: no pod lives in this profile. @throws SecurityError where the browser allows no workers. */
export const findPod = async (): Promise<PodSummary | null> => askOwner<PodSummary | null>({ kind: 'describe' })

/** Registers the worker and makes keys, identity and the empty repo in it. */
export const makePod = async (wanted: PodWish, onWorker: () => void): Promise<PodSummary> => {
  await registerWorker()
  onWorker()
  return askOwner<PodSummary>({ kind: 'create', ...wanted })
}

/** Gives a command that answers how the pod is afterwards. @throws XrpcError as the worker refused */
export const changePod = async (command: OwnerCommand): Promise<void> => {
  pod.value = (await askOwner<PodSummary | null>(command)) ?? pod.value
}

/** Takes part in keeping the pod online, and listens to what it does. Again with a claim: starts over. */
export const goOnline = (claim?: string): void => {
  if (claim) keepClaim(sessionStorage, claim)
  const kept = keptClaim(sessionStorage)
  if (stopUplink) stopUplink()
  else listen()
  stopUplink = startUplink(kept ? { claim: kept } : {})
}

/** Deletes the pod with its keys, and the worker. */
export const deletePod = async (confirmHandle: string): Promise<void> => {
  await askOwner({ kind: 'forget', confirmHandle })
  await leave()
}

/** The pod is gone. The page is loaded anew: nothing of it may live on in memory. */
const leave = async (): Promise<void> => {
  stopUplink?.()
  const registration = await navigator.serviceWorker.getRegistration()
  await registration?.unregister()
  location.reload()
}

/** The way out of a broken worker; the address asks for it. Without workers there is nothing to leave. */
export const leaveWorkerIfAsked = (): Promise<unknown> => unregisterIfAsked().catch(() => false)

const listen = (): void => {
  void readInbox()
  onActivity((activity) => {
    if (activity.kind === 'link') {
      link.value = activity.link
      if (activity.link.state === 'online') {
        dropClaim(sessionStorage)
        void offerToSites()
      }
      refreshSoon()
    } else if (activity.kind === 'account') {
      refreshSoon()
      void readInbox()
    } else if (activity.kind === 'request' || activity.kind === 'event') {
      strip.add(activity)
      if (activity.kind === 'event' || isArriving()) refreshSoon()
    }
  })
  for (const change of ['online', 'offline']) addEventListener(change, () => (network.value = navigator.onLine))
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return
    refreshSoon()
    void readInbox()
  })
}

/** Nothing goes out then, so the outbox does not empty; what comes in are requests, pictures among them, without events. */
const isArriving = (): boolean => pod.value?.standing === 'arriving'

const refreshSoon = (): void => {
  refreshTimer ??= setTimeout(async () => {
    refreshTimer = undefined
    if (document.hidden) return
    try {
      const found = await findPod()
      // A client has deleted the account.
      if (pod.value && !found) return await leave()
      pod.value = found
      // The room's acknowledgement is no activity: look again until it shows.
      if (pod.value?.outbox && link.value?.state === 'online' && !isArriving()) refreshSoon()
    } catch {
      // The counts stay as they are: a worker that does not answer shows in the status light.
    }
  }, REFRESH_EVERY_MS)
}
