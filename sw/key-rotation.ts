/**
 * A new signing key for the repo. The DID names it first, then the pod turns to it, and then the whole repo is signed anew: whoever reads it in between
 * with the key of the document waits, and nobody is shown a signature by a key that no document names. Each step is noted down before it is taken, and a
 * worker that was stopped in between goes on when it is started.
 * @see https://atproto.com/specs/cryptography#usage-and-implementation-guidelines
 */
import { invalidRequest, XrpcError } from '../wire/errors.ts'
import type { IdentityChanges } from './identity/identity-changes.ts'
import { makeSigningPair } from './identity/key-vault.ts'
import type { Self } from './identity/self.ts'
import type { Repo } from './repo/repo.ts'
import type { Store } from './store/open.ts'
import { changePod } from './store/pod.ts'
import type { PodRows, SigningPair } from './store/schema.ts'

export interface KeyRotationParts {
  readonly store: Store
  readonly identity: Self
  readonly repo: Repo
  readonly changes: IdentityChanges
  /** The keys of this composition are not the pod's any more. */
  readonly reopen: () => void
}

/**
 * An attempt that failed is gone on with, by the same key, when it is made again.
 * @throws XrpcError 400 InvalidRequest (not active) | what `IdentityChanges.nameSigningKey` throws; the old key stays then
 */
export const rotateSigningKey = async ({ store, identity, repo, changes, reopen }: KeyRotationParts): Promise<void> => {
  if (identity.standing !== 'active') throw invalidRequest('Only an account that is active here changes its signing key')
  const { signingDidKey } = await makeNext(store)
  try {
    await changes.nameSigningKey(signingDidKey)
  } catch (cause) {
    if (cause instanceof XrpcError && cause.error === 'PlcRefused') await dropNext(store)
    throw cause
  }
  // What is written now would be signed by the key that the document does not name any more.
  repo.suspend(new XrpcError(503, 'KeyRotation', 'The signing key of this account is being changed: try again in a moment'))
  await repo.close()
  if (await takeNext(store, signingDidKey)) reopen()
}

/** Once the pod was opened with the new key. Done again from the start where it was cut off. */
export const signAnew = async (store: Store, repo: Repo, { handle }: Self): Promise<void> => {
  await repo.import(repo.car())
  await repo.announce({ kind: 'identity', handle })
  await repo.announce({ kind: 'sync' })
  await changePod(store, 'keys', (keys) => {
    if (!keys) return keys
    const { isUnsigned: _, ...signed } = keys
    return signed
  })
}

const makeNext = async (store: Store): Promise<SigningPair> => {
  const made = await makeSigningPair()
  const keys = await changePod(store, 'keys', (keys) => keys && { ...keys, next: keys.next ?? made })
  if (!keys?.next) throw new TypeError('a pod has keys')
  return keys.next
}

const dropNext = (store: Store): Promise<unknown> =>
  changePod(store, 'keys', (keys) => {
    if (!keys) return keys
    const { next: _, ...kept } = keys
    return kept
  })

/** @returns false where another attempt has done it meanwhile */
const takeNext = async (store: Store, signingDidKey: string): Promise<boolean> => {
  let isTaken = false
  await changePod(store, 'keys', (keys): PodRows['keys'] | undefined => {
    if (keys?.next?.signingDidKey !== signingDidKey) return keys
    isTaken = true
    const { next, ...kept } = keys
    return { ...kept, ...next, isUnsigned: true }
  })
  return isTaken
}
