/**
 * Who this pod is, live: handle and standing change under everyone who holds it, so nobody keeps copies of them.
 * Writing them down is the store's; telling the world (events, mirror) is the caller's.
 */
import type { Standing } from '../../wire/frames.ts'
import type { Store } from '../store/open.ts'
import { changePod, readPod } from '../store/pod.ts'
import type { PodRows } from '../store/schema.ts'
import { didDocument, type DidDocument, type Identity } from './did-document.ts'

/** `handle`: name or document changed. `standing`: the account was activated, deactivated, or moved in. */
export type SelfChange = 'handle' | 'standing'

export class Self implements Identity {
  readonly did: string
  readonly origin: string
  readonly createdAt: string
  /** The directory that a did:plc is registered with; a did:web has none. */
  readonly plc: string | undefined
  readonly #store: Store
  readonly #signingDidKey: string
  readonly #listeners = new Set<(change: SelfChange) => void>()
  #handle: string
  #account: PodRows['account']

  /** @param signingDidKey did:key of the repo's key, as the document names it */
  static async open(store: Store, signingDidKey: string): Promise<Self | null> {
    const [identity, account] = await Promise.all([readPod(store, 'identity'), readPod(store, 'account')])
    return identity
      ? new Self(store, signingDidKey, identity, account ?? { standing: 'active', since: Date.parse(identity.createdAt) })
      : null
  }

  private constructor(store: Store, signingDidKey: string, identity: PodRows['identity'], account: PodRows['account']) {
    this.did = identity.did
    this.origin = identity.origin
    this.createdAt = identity.createdAt
    this.plc = identity.plc
    this.#store = store
    this.#signingDidKey = signingDidKey
    this.#handle = identity.handle
    this.#account = account
  }

  get handle(): string {
    return this.#handle
  }

  get standing(): Standing {
    return this.#account.standing
  }

  get account(): PodRows['account'] {
    return this.#account
  }

  /** The document of this DID as this pod would have it; a did:plc's is its directory's to serve. */
  get document(): DidDocument {
    return didDocument(this, this.#signingDidKey)
  }

  /** @param handle admitted already (`admitHandle`) */
  async rename(handle: string): Promise<void> {
    await changePod(this.#store, 'identity', (row) => row && { ...row, handle })
    this.#handle = handle
    this.#tell('handle')
  }

  async stand(account: PodRows['account']): Promise<void> {
    await changePod(this.#store, 'account', () => account)
    this.#account = account
    this.#tell('standing')
  }

  /** @returns the unsubscribe function */
  onChange(listener: (change: SelfChange) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #tell(change: SelfChange): void {
    for (const listener of this.#listeners) listener(change)
  }
}
