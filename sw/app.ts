/** The composition: services and edges of the one pod that lives in this profile, put together into `handle(Request) → Response`. */
import { version } from '../package.json'
import type { MailPurpose, RoomServices } from '../wire/frames.ts'
import type { Health, IdentityCheck, PodSummary, RecoveryFile } from '../wire/owner.ts'
import { type AccountServices, composeAccount } from './account-services.ts'
import { preferencesOf } from './account/preferences.ts'
import { type Foundation, foundPod, foundVacantPod } from './creation.ts'
import { type AppTokens, Authenticator } from './http/auth.ts'
import { type Handler, makeHandler } from './http/site.ts'
import { composeFedCm, type FedCm } from './fedcm/fedcm.ts'
import { watchSites } from './fedcm/watched-sites.ts'
import type { KeyVault } from './identity/contract.ts'
import { originToDidWeb } from './identity/did-document.ts'
import { DidResolver } from './identity/did-resolver.ts'
import { type Fetch, handleResolver } from './identity/handle-resolver.ts'
import { identityDocuments } from './identity/identity-documents.ts'
import { IdentityChanges } from './identity/identity-changes.ts'
import { openVault } from './identity/key-vault.ts'
import { assertPointsHere } from './identity/pointing.ts'
import { Self } from './identity/self.ts'
import { composeIndieAuth, type IndieAuth } from './indieauth/indieauth.ts'
import { sitesOf } from './indieauth/sites.ts'
import { type CatalogFiles, languagesOf } from './languages/languages.ts'
import { composeOAuth, type OAuth } from './oauth/oauth.ts'
import { pagesOf } from './oauth/front.ts'
import { composeDevices, pagePartsOf } from './oauth/page-services.ts'
import type { ProviderSettings } from './oauth/provider.ts'
import { permissionSetResolver } from './oauth/permission-sets.ts'
import { Configuration } from './operations/configuration.ts'
import { checkIdentity } from './operations/identity-check.ts'
import { inspectBlock, inspectRepo } from './operations/inspection.ts'
import { Log } from './operations/log.ts'
import { summaryOf } from './operations/summary.ts'
import { rotateSigningKey, signAnew } from './key-rotation.ts'
import type { Surroundings } from './recovery/check.ts'
import { makeRecoveryFile } from './recovery/make.ts'
import { RecoveryVoice } from './recovery/recovery-voice.ts'
import { restorePod } from './recovery/restore.ts'
import { blobService } from './repo/blobs.ts'
import type { BlobService } from './repo/contract.ts'
import { Repo, type RepoOptions } from './repo/repo.ts'
import { sweepOnUpload } from './repo/sweep-on-upload.ts'
import type { Store } from './store/open.ts'
import { readPod } from './store/pod.ts'
import { vacancyOf } from './vacancy.ts'
import { actorRoutes } from './xrpc/actor.ts'
import { makeDebug } from './xrpc/debug.ts'
import { identityPlcRoutes } from './xrpc/identity-plc.ts'
import { identityRoutes } from './xrpc/identity.ts'
import { moderationRoutes } from './xrpc/moderation.ts'
import { notificationRoutes } from './xrpc/notification.ts'
import { makeProxy } from './xrpc/proxy.ts'
import { repoRoutes } from './xrpc/repo.ts'
import { repoImportRoutes } from './xrpc/repo-import.ts'
import { makeRouter } from './xrpc/router.ts'
import { accountRoutes } from './xrpc/server-account.ts'
import { appPasswordRoutes } from './xrpc/server-app-password.ts'
import { emailRoutes } from './xrpc/server-email.ts'
import { inviteRoutes } from './xrpc/server-invite.ts'
import { describeService, serverRoutes } from './xrpc/server.ts'
import { serviceAuthRoutes } from './xrpc/service-auth.ts'
import { syncRoutes } from './xrpc/sync.ts'

export interface Pod {
  readonly identity: Self
  readonly repo: Repo
  readonly blobs: BlobService
  readonly vault: KeyVault
  readonly account: AccountServices
  readonly oauth: OAuth
  readonly indieauth: IndieAuth
  readonly fedcm: FedCm
  readonly changes: IdentityChanges
  readonly configuration: Configuration
  health(): Health
  checkIdentity(): Promise<IdentityCheck>
  /** The pod is composed anew afterwards (`PodHooks.filled`). @throws what `rotateSigningKey` throws */
  rotateSigningKey(): Promise<void>
  /** What the room hears of the recovery key. */
  readonly recovery: RecoveryVoice
  readonly handle: Handler
  /** Public documents by path, for the mirror: text as it is to be served. */
  documents(): Promise<Readonly<Record<string, string>>>
  summary(): Promise<PodSummary>
  /** @param rejoin has the page connect anew. @throws what `makeRecoveryFile` throws */
  makeRecoveryFile(passphrase: string, rejoin: () => void): Promise<RecoveryFile>
  /** Lets go of the store; the pod must not be used afterwards. */
  close(): Promise<void>
}

export interface PodOptions extends RepoOptions {
  /** The worker's own fetch, which CORS binds. */
  readonly fetch?: Fetch
  /** For what the pod asks of other servers: through its room, which CORS does not bind, and which names some of them. Default: `fetch`, and no services. */
  readonly egress?: { readonly fetch: Fetch; readonly services: RoomServices }
  readonly hooks?: PodHooks
  /** Tokens of apps. Default: those of the OAuth provider. */
  readonly apps?: AppTokens
  /** What an integrator wants of the OAuth provider (docs/oauth.md). */
  readonly oauth?: ProviderSettings
  /** Languages of its pages, beside English. Default: none. */
  readonly catalogs?: CatalogFiles
  /** Default: one that is written nowhere. */
  readonly log?: Log
}

/** Who is told what the pod cannot do itself. Left out: nobody. */
export interface PodHooks {
  /** Something that pages show has changed. */
  readonly changed?: () => void
  /** The store holds another account now, or another key: the pod is composed anew. */
  readonly filled?: () => void
  /** The account is deleted: the pod goes, keys included, once the answer has gone out. */
  readonly leave?: () => void
  /** Has the room mail a token to the owner. @returns whether it went; never rejects */
  readonly mail?: (to: string, purpose: MailPurpose, token: string) => Promise<boolean>
}

/** null where no pod lives in this profile, or its creation or restore was cut off: that starts over then. */
export const openPod = async (store: Store, options: PodOptions = {}): Promise<Pod | null> => {
  const [keys, head, identity, restoring, configuration] = await Promise.all([
    readPod(store, 'keys'),
    readPod(store, 'head'),
    readPod(store, 'identity'),
    readPod(store, 'restoring'),
    Configuration.open(store),
  ])
  if (!keys || !head || !identity || restoring) return null
  // A page waits for this in a worker that has just woken: what can be read side by side is.
  const opening = openVault(keys)
  const [vault, self, repo] = await Promise.all([
    opening,
    Self.open(store, keys.signingDidKey),
    opening.then((vault) => Repo.open(store, vault, options)),
  ])
  if (!self) return null
  if (keys.isUnsigned) await signAnew(store, repo, self)
  const pod = await composePod(store, { identity: self, vault, repo, configuration }, options)
  if (keys.next) pod.rotateSigningKey().catch((cause: unknown) => options.log?.failure('the signing key is still to be changed', cause))
  return pod
}

/** An account of its own. @throws what `foundPod` throws */
export const createPod = async (store: Store, wanted: Parameters<typeof foundPod>[1], options: PodOptions = {}): Promise<Pod> =>
  composePod(store, await foundPod(store, wanted, { fetch: workerFetch, ...options }), options)

/** Waits for an account to move in. @throws XrpcError 409 PodExists */
export const createVacantPod = async (store: Store, origin: string, options: PodOptions = {}): Promise<Pod> =>
  composePod(store, await foundVacantPod(store, origin, { fetch: workerFetch, ...options }), options)

/** The account of a recovery file. @throws what `restorePod` throws */
export const restoredPod = async (
  store: Store,
  file: { readonly text: string; readonly passphrase: string },
  around: Omit<Surroundings, 'fetch'>,
  options: PodOptions = {},
): Promise<Pod> => {
  const { fetch = workerFetch, now = Date.now } = options
  await restorePod(store, file.text, file.passphrase, { ...around, fetch, now })
  const pod = await openPod(store, options)
  if (!pod) throw new TypeError('it was restored just now')
  return pod
}

const composePod = async (
  store: Store,
  { identity, vault, repo, ...found }: Foundation & { readonly configuration?: Configuration },
  options: PodOptions,
): Promise<Pod> => {
  const { egress = { fetch: options.fetch ?? workerFetch, services: NO_SERVICES }, now = Date.now, hooks = {}, log = new Log() } = options
  const { changed = () => {}, filled = () => {}, leave = () => {}, mail = () => Promise.resolve(false) } = hooks
  const { fetch } = egress
  const configuration = found.configuration ?? (await Configuration.open(store))
  const blobs = sweepOnUpload(
    blobService(store, now, () => configuration.settings.blobQuotaBytes),
    now,
  )
  const serviceDid = originToDidWeb(identity.origin)
  const issuer = { did: identity.did, audience: serviceDid, key: vault.sessionKey }
  const documents = async (): Promise<Readonly<Record<string, string>>> => ({
    '/xrpc/com.atproto.server.describeServer': JSON.stringify(describeService(serviceDid, configuration.settings)),
    ...(identity.standing !== 'vacant' && {
      ...identityDocuments(identity),
      ...fedcm.documents(),
      ...(await oauth.documents()),
      ...indieauth.metadata,
    }),
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
  const devices = composeDevices({ store, identity, now })
  const account = composeAccount({
    store,
    identity,
    repo,
    blobs,
    issuer,
    assertPointsHere: () => assertPointsHere(pointing),
    mail,
    changed,
    passwordChanged: () => devices.signOutElsewhere(),
    log,
    configuration,
    now,
  })
  const vacancy = vacancyOf({
    store,
    identity,
    vault,
    repo,
    options: { ...options, fetch: pointing.fetch, now },
    services: () => egress.services,
    directory: pointing.directory,
    resolveHandle: (handle) => handles.resolve(handle, { fresh: true }),
    filled,
  })
  const announce = () => repo.announce({ kind: 'identity', handle: identity.handle })
  const changes = new IdentityChanges({ ...pointing, store, handles, announce, now })
  // While it arrives, and after it has left, the account is known by the key of another server: its document is asked then.
  const isOwn = (did: string): boolean => did === identity.did && identity.standing === 'active'
  const signingKey: DidResolver['signingKey'] = async (did, asked) => (isOwn(did) ? vault.signingDidKey : resolver.signingKey(did, asked))
  const own = { is: isOwn, proof: (collection: string, rkey: string) => repo.proof(collection, rkey), signingDidKey: vault.signingDidKey }
  const lexicons = permissionSetResolver({ fetch, dids: resolver, own })
  const languages = languagesOf(options.catalogs)
  const oauth = composeOAuth({
    locales: languages.tags,
    store,
    identity,
    audience: serviceDid,
    devices,
    fetch,
    lexicons,
    ...(options.oauth && { settings: options.oauth }),
    log,
    now,
  })
  const sites = watchSites(sitesOf({ store, now }))
  const pageParts = pagePartsOf({
    store,
    identity,
    devices,
    account,
    authorizations: oauth.authorizations,
    languages,
    sites,
    ...(options.oauth && { settings: options.oauth }),
    log,
    now,
  })
  const indieauth = composeIndieAuth({ ...pageParts, store, identity, repo, blobs, email: account.email, sites, fetch })
  const fedcm = composeFedCm({ ...pageParts, identity, repo, sites, profile: indieauth, fetch: options.fetch ?? workerFetch })
  const apps = options.apps ?? oauth.access
  const authenticator = new Authenticator({ issuer, sessions: account.sessions, keys: { signingKey }, apps, now })
  const recovery = new RecoveryVoice(store)
  const appview = (): string | null => egress.services.appview
  const proxy = makeProxy({ identity, repo, authenticator, vault, resolver, fetch, appview, now })
  const routes = [
    ...serverRoutes({ identity, serviceDid, configuration, authenticator, ...account }),
    ...accountRoutes({ identity, authenticator, ...account, vacancy, signingDidKey: vault.signingDidKey, leave }),
    ...appPasswordRoutes({ authenticator, appPasswords: account.appPasswords }),
    ...emailRoutes({ authenticator, ...account }),
    ...inviteRoutes({ authenticator, isVacant: () => identity.standing === 'vacant' }),
    ...repoRoutes({ identity, authenticator, repo, blobs, proxy, configuration }),
    ...repoImportRoutes({ identity, authenticator, repo, blobs, keys: resolver, signingDidKey: vault.signingDidKey, log }),
    ...syncRoutes({ identity, authenticator, repo, blobs }),
    ...identityRoutes({ identity, dids: resolver, handles, authenticator, changes }),
    ...identityPlcRoutes({ authenticator, changes, inbox: account.inbox }),
    ...serviceAuthRoutes({ did: identity.did, authenticator, vault, now }),
    ...notificationRoutes({ authenticator, proxy, appview }),
    ...moderationRoutes({ authenticator, proxy }),
    ...actorRoutes({ authenticator, preferences: preferencesOf(store, now), proxy }),
  ]
  const xrpc = makeRouter(routes, proxy.forward)
  const debug = makeDebug({
    configuration,
    authenticator,
    inspectRepo: () => inspectRepo(store, repo),
    inspectBlock: (cid) => inspectBlock(repo, cid),
  })
  // Whoever reads this answer has reached the tab.
  const health = () => ({ version: `tabpod ${version}`, did: identity.did, rev: repo.head().rev, online: true })
  return {
    identity,
    repo,
    blobs,
    vault,
    account,
    oauth,
    indieauth,
    fedcm,
    changes,
    configuration,
    health: () => ({ version: `tabpod ${version}`, startedAt: Math.round(performance.timeOrigin) }),
    checkIdentity: () => checkIdentity({ ...pointing, handles, now }),
    rotateSigningKey: () => rotateSigningKey({ store, identity, repo, changes, reopen: filled }),
    recovery,
    makeRecoveryFile: (passphrase, rejoin) =>
      makeRecoveryFile(
        { store, identity, vault, voice: recovery, fetch: pointing.fetch, plc: pointing.directory, rejoin, now },
        passphrase,
      ),
    handle: makeHandler({
      documents,
      oauth: oauth.endpoints,
      pages: pagesOf(pageParts),
      indieauth,
      fedcm,
      xrpc,
      health,
      debug,
      apps,
      log,
      configuration,
    }),
    documents: async () => ({ ...(await documents()), ...(await indieauth.ownDocuments()) }),
    summary: () => summaryOf({ store, identity, repo, blobs, email: account.email }),
    close: () => repo.close(),
  }
}

const NO_SERVICES: RoomServices = { appview: null, plc: null, mail: false }
const PLC_DIRECTORY = 'https://plc.directory'
const workerFetch: Fetch = (url, init) => globalThis.fetch(url, init)
