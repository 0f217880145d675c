/**
 * Who this pod is, live: handle and standing change under everyone who holds it, so nobody keeps copies of them.
 * Writing them down is the store's; telling the world (events, mirror) is the caller's.
 */
import type { Standing } from '../../wire/frames.ts'
import type { Store } from '../store/open.ts'
import { changePod, readPod } from '../store/pod.ts'
import type { PodRows } from '../store/schema.ts'
import { didDocument, type DidDocument, type Identity, originToDidWeb } from './did-document.ts'

/** `handle`: name or document changed. `standing`: the account was activated, deactivated, or moved in. */
export type SelfChange = 'handle' | 'standing'

/** The server that an account moved to. `signingKey`: did:key. */
export type Elsewhere = NonNullable<PodRows['identity']['elsewhere']>

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
  #elsewhere: Elsewhere | undefined
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
    this.#elsewhere = identity.elsewhere
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

  /** Whether this host serves the DID's document, so that it says what this pod says: the did:web of the host. */
  get hostsDocument(): boolean {
    return this.did === originToDidWeb(this.origin)
  }

  /** Whether `document` is what the DID says: elsewhere than on this host that is so while the account is active here. A vacant pod has nothing to say. */
  get speaksForDid(): boolean {
    return this.standing === 'active' || (this.hostsDocument && this.standing !== 'vacant')
  }

  /** Where the account went, if its document is hosted here and names another server by the owner's will. */
  get elsewhere(): Elsewhere | undefined {
    return this.#elsewhere
  }

  /** The document of this DID as this pod would have it; one that is hosted elsewhere may say something else. */
  get document(): DidDocument {
    const { endpoint = this.origin, signingKey = this.#signingDidKey } = this.#elsewhere ?? {}
    return didDocument({ did: this.did, handle: this.handle, origin: endpoint }, signingKey)
  }

  /** @param handle admitted already (`admitHandle`) */
  async rename(handle: string): Promise<void> {
    await changePod(this.#store, 'identity', (row) => row && { ...row, handle })
    this.#handle = handle
    this.#tell('handle')
  }

  /** @param elsewhere undefined takes the document back */
  async moveDocument(elsewhere: Elsewhere | undefined): Promise<void> {
    await changePod(this.#store, 'identity', (row) => {
      if (!row) return row
      const { elsewhere: _, ...here } = row
      return elsewhere ? { ...here, elsewhere } : here
    })
    this.#elsewhere = elsewhere
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
