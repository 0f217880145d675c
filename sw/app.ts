/** The composition: services and edges of the one pod that lives in this profile, put together into `handle(Request) → Response`. */
import { version } from '../package.json'
import { invalidRequest, XrpcError } from '../wire/errors.ts'
import type { RoomServices } from '../wire/frames.ts'
import type { PodSummary } from '../wire/owner.ts'
import { parsePlcUrl } from '../wire/plc-url.ts'
import { preferencesOf } from './account/preferences.ts'
import { Sessions } from './account/sessions.ts'
import { makeOwner, SignIn } from './account/sign-in.ts'
import { Authenticator } from './http/auth.ts'
import { type Handler, makeHandler } from './http/site.ts'
import type { KeyVault } from './identity/contract.ts'
import { originToDidWeb } from './identity/did-document.ts'
import { DidResolver } from './identity/did-resolver.ts'
import { type Fetch, handleResolver } from './identity/handle-resolver.ts'
import { admitHandle } from './identity/handle.ts'
import { IdentityChanges } from './identity/identity-changes.ts'
import { makeKeys, openVault } from './identity/key-vault.ts'
import { createDidPlc } from './identity/plc.ts'
import { Self } from './identity/self.ts'
import { blobService } from './repo/blobs.ts'
import type { BlobService } from './repo/contract.ts'
import { Repo, type RepoOptions } from './repo/repo.ts'
import type { Store } from './store/open.ts'
import { readPod, writePod } from './store/pod.ts'
import { actorRoutes } from './xrpc/actor.ts'
import { identityRoutes } from './xrpc/identity.ts'
import { moderationRoutes } from './xrpc/moderation.ts'
import { notificationRoutes } from './xrpc/notification.ts'
import { makeProxy } from './xrpc/proxy.ts'
import { repoRoutes } from './xrpc/repo.ts'
import { makeRouter } from './xrpc/router.ts'
import { describeService, serverRoutes } from './xrpc/server.ts'
import { serviceAuthRoutes } from './xrpc/service-auth.ts'
import { syncRoutes } from './xrpc/sync.ts'

export interface Pod {
  readonly identity: Self
  readonly repo: Repo
  readonly blobs: BlobService
  readonly vault: KeyVault
  readonly handle: Handler
  /** Public documents by path, for the mirror: text as it is to be served. */
  documents(): Readonly<Record<string, string>>
  summary(): Promise<PodSummary>
  /** Lets go of the store; the pod must not be used afterwards. */
  close(): Promise<void>
}

export interface PodOptions extends RepoOptions {
  /** The worker's own fetch, which CORS binds. */
  readonly fetch?: Fetch
  /** For what the pod asks of other servers: through its room, which CORS does not bind, and which names some of them. Default: `fetch`, and no services. */
  readonly egress?: { readonly fetch: Fetch; readonly services: RoomServices }
}

/** null where no pod lives in this profile, or its creation was cut off: `createPod` starts over then. */
export const openPod = async (store: Store, options: PodOptions = {}): Promise<Pod | null> => {
  const [keys, head] = await Promise.all([readPod(store, 'keys'), readPod(store, 'head')])
  if (!keys || !head) return null
  const [vault, self] = await Promise.all([openVault(keys), Self.open(store, keys.signingDidKey)])
  return self && composePod(store, self, vault, await Repo.open(store, vault, options), options)
}

/**
 * Keys, DID, account and the empty signed repo.
 * @param wanted.origin where the world will find it, e.g. `http://localhost:1999`
 * @param wanted.plc address of the directory to register a did:plc with; left out: the did:web of the origin
 * @throws XrpcError 400 InvalidHandle | 400 InvalidPassword | 400 InvalidPlcUrl | 409 PodExists | 503 PlcUnavailable | 400 PlcRefused
 */
export const createPod = async (
  store: Store,
  wanted: { readonly handle: string; readonly password: string; readonly origin: string; readonly plc?: string },
  options: PodOptions = {},
): Promise<Pod> => {
  if (await readPod(store, 'head')) throw new XrpcError(409, 'PodExists', 'a pod lives in this browser profile already')
  const handle = admitHandle(wanted.handle, wanted.origin)
  const plc = wanted.plc === undefined ? null : parsePlcUrl(wanted.plc)
  if (wanted.plc !== undefined && plc === null)
    throw invalidRequest(`${JSON.stringify(wanted.plc)} is not the address of a PLC directory`, 'InvalidPlcUrl')
  const [owner, keys] = await Promise.all([makeOwner(wanted.password), makeKeys({ rotates: plc !== null })])
  const vault = await openVault(keys)
  const { origin } = wanted
  const did = plc === null ? originToDidWeb(origin) : await createDidPlc(plc, { handle, origin }, vault, options.fetch ?? workerFetch)
  const createdAt = new Date((options.now ?? Date.now)()).toISOString()
  const account = { standing: 'active', since: Date.parse(createdAt) } as const
  await writePod(store, { identity: { did, handle, origin, createdAt, ...(plc !== null && { plc }) }, account, keys, owner })
  const identity = await Self.open(store, keys.signingDidKey)
  if (!identity) throw new TypeError('the identity was written just now')
  const repo = await Repo.create(store, vault, did, options)
  await repo.announce({ kind: 'identity', handle })
  await repo.announce({ kind: 'account', active: true })
  return composePod(store, identity, vault, repo, options)
}

const composePod = (store: Store, identity: Self, vault: KeyVault, repo: Repo, options: PodOptions): Pod => {
  const { egress = { fetch: options.fetch ?? workerFetch, services: NO_SERVICES }, now = Date.now } = options
  const { fetch } = egress
  const blobs = sweepOnUpload(blobService(store, now), now)
  const serviceDid = originToDidWeb(identity.origin)
  const issuer = { did: identity.did, audience: serviceDid, key: vault.sessionKey }
  const sessions = new Sessions(store, issuer, now)
  const signIn = new SignIn(store, identity, now)
  const documents = (): Readonly<Record<string, string>> => ({
    // Another DID than this host's own is served elsewhere: here it would look like a did:web.
    ...(identity.hostsDocument && { '/.well-known/did.json': JSON.stringify(identity.document) }),
    '/.well-known/atproto-did': identity.did,
    ...(identity.speaksForDid && { '/xrpc/com.atproto.identity.resolveDid': JSON.stringify({ didDoc: identity.document }) }),
    '/xrpc/com.atproto.server.describeServer': JSON.stringify(describeService(serviceDid)),
  })
  const resolver = new DidResolver({ fetch, plc: () => egress.services.plc ?? PLC_DIRECTORY, now })
  const handles = handleResolver(fetch, now)
  const pointing = {
    identity,
    vault,
    dids: resolver,
    directory: () => identity.plc ?? egress.services.plc ?? PLC_DIRECTORY,
    fetch: options.fetch ?? workerFetch,
  }
  const announce = () => repo.announce({ kind: 'identity', handle: identity.handle })
  const changes = new IdentityChanges({ ...pointing, store, handles, announce, now })
  const authenticator = new Authenticator({ issuer, sessions, keys: { signingKey: () => Promise.reject(notYet) }, now })
  const appview = (): string | null => egress.services.appview
  const proxy = makeProxy({ identity, repo, authenticator, vault, resolver, fetch, appview, now })
  const routes = [
    ...serverRoutes({ identity, serviceDid, authenticator, signIn, sessions }),
    ...repoRoutes({ identity, authenticator, repo, blobs, proxy }),
    ...syncRoutes({ repo, blobs }),
    ...identityRoutes({ identity, dids: resolver, handles, authenticator, changes }),
    ...serviceAuthRoutes({ did: identity.did, authenticator, vault, now }),
    ...notificationRoutes({ authenticator, proxy, appview }),
    ...moderationRoutes({ authenticator, proxy }),
    ...actorRoutes({ authenticator, preferences: preferencesOf(store, now), proxy }),
  ]
  const xrpc = makeRouter(routes, proxy.forward)
  // Whoever reads this answer has reached the tab.
  const health = () => ({ version: `tabpod ${version}`, did: identity.did, rev: repo.head().rev, online: true })
  return {
    identity,
    repo,
    blobs,
    vault,
    handle: makeHandler({ documents, xrpc, health }),
    documents,
    summary: async () => {
      const { did, handle, origin, createdAt, standing, account } = identity
      const [collections, totals, outbox, owner, recovery] = await Promise.all([
        repo.collections(),
        blobs.totals(),
        countOutbox(repo),
        readPod(store, 'owner'),
        readPod(store, 'recovery'),
      ])
      return {
        did,
        handle,
        origin,
        createdAt,
        standing,
        ...(account.inviteCode !== undefined && { inviteCode: account.inviteCode }),
        ...(owner?.email !== undefined && { email: owner.email }),
        emailConfirmed: owner?.emailConfirmedAt !== undefined,
        ...(recovery && { recoveryFileAt: new Date(recovery.at).toISOString() }),
        rev: repo.head().rev,
        collections,
        blobs: totals,
        outbox,
      }
    },
    close: () => repo.close(),
  }
}

const notYet = new XrpcError(501, 'MethodNotImplemented', 'Keys of other accounts cannot be looked up yet')
const NO_SERVICES: RoomServices = { appview: null, plc: null, mail: false }
const PLC_DIRECTORY = 'https://plc.directory'
const workerFetch: Fetch = (url, init) => globalThis.fetch(url, init)

/** Forgotten uploads go when the next one comes; once in a worker's life, because the sweep walks over all blobs. */
const sweepOnUpload = (blobs: BlobService, now: () => number): BlobService => {
  let isSwept = false
  return {
    ...blobs,
    upload: async (body, declared) => {
      if (!isSwept) {
        isSwept = true
        await blobs.sweep(now())
      }
      return blobs.upload(body, declared)
    },
  }
}

/** Identity and account events may follow the newest commit: a few at most. */
const MAX_TRAILING_EVENTS = 100

const countOutbox = async (repo: Repo): Promise<number> => {
  const { event } = repo.head()
  const [trailing, acknowledged] = await Promise.all([repo.eventsAfter(event, MAX_TRAILING_EVENTS), repo.acknowledged()])
  return Math.max(0, (trailing.at(-1)?.event ?? event) - acknowledged)
}
