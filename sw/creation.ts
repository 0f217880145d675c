/** How a pod begins: with an account of its own, or vacant, until an account moves in (`vacancy.ts`). */
import { invalidRequest, XrpcError } from '../wire/errors.ts'
import { parsePlcUrl } from '../wire/plc-url.ts'
import { makeOwner } from './account/sign-in.ts'
import { makeToken } from './account/token.ts'
import type { KeyVault } from './identity/contract.ts'
import { originToDidWeb } from './identity/did-document.ts'
import type { Fetch } from './identity/handle-resolver.ts'
import { admitHandle } from './identity/handle.ts'
import { makeKeys, openVault } from './identity/key-vault.ts'
import { createDidPlc } from './identity/plc.ts'
import { Self } from './identity/self.ts'
import { Repo, type RepoOptions } from './repo/repo.ts'
import { emptyStore, type Store } from './store/open.ts'
import { readPod, writePod } from './store/pod.ts'
import type { PodRows } from './store/schema.ts'

/** What a pod is composed of. */
export interface Foundation {
  readonly identity: Self
  readonly vault: KeyVault
  readonly repo: Repo
}

export interface CreationOptions extends RepoOptions {
  /** The worker's own fetch. */
  readonly fetch: Fetch
}

/** What an account without a handle is called. @see https://atproto.com/specs/handle#handle-identifier-syntax */
export const NO_HANDLE = 'handle.invalid'

/**
 * Keys, DID, account and the empty signed repo.
 * @param wanted.origin where the world will find it, e.g. `http://localhost:1999`
 * @param wanted.plc address of the directory to register a did:plc with; left out: the did:web of the origin
 * @throws XrpcError 400 InvalidHandle | 400 InvalidPassword | 400 InvalidPlcUrl | 409 PodExists | 503 PlcUnavailable | 400 PlcRefused
 */
export const foundPod = async (
  store: Store,
  wanted: { readonly handle: string; readonly password: string; readonly origin: string; readonly plc?: string },
  options: CreationOptions,
): Promise<Foundation> => {
  await assertFree(store)
  const { origin } = wanted
  const handle = admitHandle(wanted.handle, origin)
  const plc = wanted.plc === undefined ? null : parsePlcUrl(wanted.plc)
  if (wanted.plc !== undefined && plc === null)
    throw invalidRequest(`${JSON.stringify(wanted.plc)} is not the address of a PLC directory`, 'InvalidPlcUrl')
  const [owner, keys] = await Promise.all([makeOwner(wanted.password), makeKeys({ rotates: plc !== null })])
  const vault = await openVault(keys)
  const did = plc === null ? originToDidWeb(origin) : await createDidPlc(plc, { handle, origin }, vault, options.fetch)
  const since = now(options)
  const identity = { did, handle, origin, createdAt: new Date(since).toISOString(), ...(plc !== null && { plc }) }
  const founded = await found(store, { identity, account: { standing: 'active', since }, keys, owner }, vault, options)
  await announceCreation(founded.repo, handle)
  return founded
}

/** Keys, an empty repo that nobody gets to see, and the code that lets one account in. Nobody can sign in. @throws XrpcError 409 PodExists */
export const foundVacantPod = async (store: Store, origin: string, options: CreationOptions): Promise<Foundation> => {
  await assertFree(store)
  const keys = await makeKeys({ rotates: true })
  const since = now(options)
  const identity = { did: originToDidWeb(origin), handle: NO_HANDLE, origin, createdAt: new Date(since).toISOString() }
  const inviteCode = `${new URL(origin).hostname.replaceAll('.', '-')}-${makeToken()}`
  return found(store, { identity, account: { standing: 'vacant', since, inviteCode }, keys }, await openVault(keys), options)
}

/** The first events of an account, after the commit of its empty repo. */
export const announceCreation = async (repo: Repo, handle: string): Promise<void> => {
  await repo.announce({ kind: 'identity', handle })
  await repo.announce({ kind: 'account', active: true })
}

const found = async (
  store: Store,
  rows: Pick<PodRows, 'identity' | 'account' | 'keys'> & Partial<PodRows>,
  vault: KeyVault,
  options: RepoOptions,
): Promise<Foundation> => {
  await writePod(store, rows)
  const identity = await Self.open(store, rows.keys.signingDidKey)
  if (!identity) throw new TypeError('the identity was written just now')
  return { identity, vault, repo: await Repo.create(store, vault, identity.did, options) }
}

const assertFree = async (store: Store): Promise<void> => {
  // Whoever wants a new pod has given the restore up.
  if (await readPod(store, 'restoring')) await emptyStore(store)
  if (await readPod(store, 'head')) throw new XrpcError(409, 'PodExists', 'a pod lives in this browser profile already')
}

const now = (options: RepoOptions): number => (options.now ?? Date.now)()
