/**
 * The service worker's events, and nothing else: what a pod does is in `app.ts`, what the uplink does in `uplink/`.
 * A worker in whose profile no pod lives answers nothing. `/?unregister-worker` is the way out: that navigation always goes to the network,
 * and the page it loads unregisters the worker.
 */
import { STATUS_PATH, UPLINK_PATH } from '../wire/frames.ts'
import { KEEP_ALIVE_HOLD_MS, RECONNECT_MAX_MS } from '../wire/limits.ts'
import { OPERATOR_PATH } from '../wire/operator.ts'
import type { KeepAliveMessage, NudgeMessage, OwnerAnswer, OwnerCommand, OwnerMessage, PipeFromWorker, PipeMessage } from '../wire/owner.ts'
import type { Pod } from './app.ts'
import { requestId, toXrpcError, xrpcErrorToResponse } from './http/errors.ts'
import { Log } from './operations/log.ts'
import { answerOwner } from './owner.ts'
import { Resident } from './resident.ts'
import { answerFromShell, dropShell, fileOfBuild, storeShell } from './shell.ts'
import { ActivityReport } from './uplink/activity.ts'
import { Egress } from './uplink/egress.ts'
import { Mail } from './uplink/mail.ts'
import { Uplink } from './uplink/uplink.ts'

declare const self: ServiceWorkerGlobalScope
/** By language; written in by the build (sw/languages/assets.ts). */
declare const CATALOG_ADDRESSES: Readonly<Record<string, string>>

/** https://w3c.github.io/ServiceWorker/#register-router-method; not in TypeScript's library yet. */
interface RoutableInstallEvent extends ExtendableEvent {
  addRoutes?(
    rules: readonly { readonly condition: { readonly urlPattern: { readonly pathname: string } }; readonly source: string }[],
  ): Promise<void>
}

const activity = new ActivityReport()
const egress = new Egress()
const mail = new Mail()
const log = new Log({ grown: () => activity.log() })
let uplink: Uplink | undefined

const resident = new Resident({
  egress,
  catalogs: { addresses: CATALOG_ADDRESSES, read: async (address) => (await fileOfBuild(address)).json() },
  log,
  hooks: {
    arrived: (pod) => {
      // What comes in by the connection of a pod that has just been replaced is the new one's to answer.
      const handle: Pod['handle'] = async (request, context) => ((await resident.pod()) ?? pod).handle(request, context)
      const before = uplink
      uplink = new Uplink({ ...pod, handle }, activity, egress, mail, log)
      pod.repo.onEvent((row) => {
        activity.event(row)
        if (row.kind !== 'commit') log.note('account', `told the network: #${row.kind}`)
      })
      pod.identity.onChange((change) => {
        log.note(
          'account',
          change === 'standing' ? `the account is ${pod.identity.standing} now` : `the identity is ${pod.identity.handle} now`,
        )
        activity.account()
        void uplink?.tellFedCm()
        if (change === 'standing') void uplink?.rejoin()
      })
      pod.fedcm.onChange(() => void uplink?.tellFedCm())
      for (const part of [pod.oauth, pod.indieauth]) part.onDocuments(() => void uplink?.tellDocuments())
      log.keepFor(pod.configuration.settings.logRetentionMs)
      pod.configuration.onChange((settings, before) => {
        log.keepFor(settings.logRetentionMs)
        if (settings.maxBlobBytes !== before.maxBlobBytes) void uplink?.tellDocuments()
      })
      void before?.rejoin()
    },
    changed: () => activity.account(),
    mail: mail.deliver,
    release: async () => (await uplink?.release()) ?? false,
    departed: async () => {
      uplink?.close()
      uplink = undefined
      await dropShell()
    },
  },
})

self.addEventListener('install', (event: RoutableInstallEvent) => {
  // Without a route Chromium sends navigations to the network too while it starts a stopped worker (ServiceWorkerAutoPreload).
  const routed = event.addRoutes?.([
    { condition: { urlPattern: { pathname: STATUS_PATH } }, source: 'network' },
    { condition: { urlPattern: { pathname: '/*' } }, source: 'fetch-event' },
  ])
  event.waitUntil(Promise.allSettled([routed, self.skipWaiting()]))
})

self.addEventListener('activate', (event) => {
  event.waitUntil(Promise.allSettled([self.clients.claim(), storeShell(Object.values(CATALOG_ADDRESSES))]))
})

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url)
  if (resident.isAbsent || url.origin !== self.location.origin || goesToNetwork(url)) return
  if (OF_POD.test(url.pathname)) event.respondWith(answerLocally(event.request, url))
  else if (event.request.method === 'GET') event.respondWith(answerFromShell(event.request, (work) => event.waitUntil(work)))
})

for (const kind of ['error', 'unhandledrejection'] as const)
  self.addEventListener(kind, (event) => log.failure('something failed unseen', event instanceof ErrorEvent ? event.error : event.reason))

self.addEventListener('message', (event) => {
  if (!isOwnPage(event)) return
  const message = event.data as OwnerMessage | PipeMessage | KeepAliveMessage | NudgeMessage
  const [port] = event.ports
  switch (message.tabpod) {
    case 'keep-alive':
      return event.waitUntil(wait(KEEP_ALIVE_HOLD_MS))
    case 'nudge':
      return event.waitUntil(wait(Math.min(message.afterMs, RECONNECT_MAX_MS)).then(() => event.source?.postMessage('nudge')))
    case 'pipe':
      if (port) event.waitUntil(Promise.all([connect(port, message.claim), wait(KEEP_ALIVE_HOLD_MS)]))
      return
    case 'owner':
      if (port) event.waitUntil(obey(message, port))
  }
})

/** What the pod answers itself: all of its addresses, and the pages of its providers (OAuth, IndieAuth, FedCM) with their forms. */
const OF_POD = /^\/(xrpc|oauth|indieauth|fedcm|\.well-known)\/|^\/account(\/|$)|^\/(health|profile|avatar)$/

const goesToNetwork = ({ pathname, searchParams }: URL): boolean =>
  pathname === UPLINK_PATH ||
  pathname === STATUS_PATH ||
  pathname.startsWith(OPERATOR_PATH) ||
  pathname === '/sw.js' ||
  searchParams.has('unregister-worker')

const answerLocally = async (request: Request, { pathname }: URL): Promise<Response> => {
  const started = performance.now()
  try {
    const pod = await resident.pod()
    if (!pod) return await fetch(request)
    const response = stamped(await pod.handle(request, { origin: 'local' }))
    const { method } = request
    activity.request({ by: 'tab', origin: 'local', method, path: pathname, status: response.status, ms: performance.now() - started })
    return response
  } catch (cause) {
    return stamped(xrpcErrorToResponse(toXrpcError(cause, requestId(), log)))
  }
}

/** Tests and people can see who answered. Headers of fetched responses are immutable: those are wrapped. */
const stamped = (response: Response): Response => {
  try {
    response.headers.set('x-tabpod-answered-by', 'tab')
    return response
  } catch {
    const headers = new Headers(response.headers)
    headers.set('x-tabpod-answered-by', 'tab')
    return new Response(response.body, { status: response.status, statusText: response.statusText, headers })
  }
}

/** Held until the worker dies: a page that is given this lock knows that it did. */
const lifeLock: Promise<string> = new Promise((resolve) => {
  const name = `tabpod-worker-${crypto.randomUUID()}`
  void navigator.locks.request(name, () => {
    resolve(name)
    return new Promise(() => {})
  })
})

const connect = async (port: MessagePort, claim: string | undefined): Promise<void> => {
  const say = (message: PipeFromWorker): void => port.postMessage(message)
  try {
    const [pod, lock] = await Promise.all([resident.pod(), lifeLock])
    if (pod) return uplink?.connect(port, lock, claim)
    say({ link: { state: 'refused', error: 'NoPod', message: 'No pod lives in this browser profile' } })
    say({ close: 'NoPod' })
  } catch (cause) {
    log.failure('the pod could not be opened', cause)
    say({ link: { state: 'offline', message: 'The pod in this browser could not be opened; trying again' } })
    say({ close: 'PodUnavailable' })
  }
}

const obey = async (message: OwnerMessage, port: MessagePort): Promise<void> => {
  const answer: OwnerAnswer = await answerOwner(message.command, {
    resident,
    log,
    origin: self.location.origin,
    rejoin: () => void uplink?.rejoin(),
    askRelays: (crawl) => uplink?.askRelays(crawl) ?? null,
    onProgress: (progress) => activity.progress(progress),
  })
  port.postMessage(answer)
  if (answer.ok && SETTLING.has(message.command.kind)) await storeShell(Object.values(CATALOG_ADDRESSES)).catch(() => {})
}

/** After them a pod lives here, and the app must open without its server. */
const SETTLING: ReadonlySet<OwnerCommand['kind']> = new Set(['create', 'await-account', 'restore'])

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Workers, and other origins if a browser ever let them through, have no say here. */
const isOwnPage = ({ origin, source }: ExtendableMessageEvent): boolean =>
  origin === self.location.origin && source instanceof WindowClient && new URL(source.url).origin === self.location.origin
