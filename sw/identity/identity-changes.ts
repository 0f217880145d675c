/**
 * Changes of this account's identity: handle, PLC operations, the way out. The world is changed first (directory), then what is kept here; the
 * `#identity` event comes last.
 * @see https://atproto.com/specs/account#lifecycle-events
 */
import { invalidRequest } from '../../wire/errors.ts'
import { isDidPlc, parsePlcUrl } from '../../wire/plc-url.ts'
import type { Store } from '../store/open.ts'
import { readPod } from '../store/pod.ts'
import { assertDidKey } from './did-key.ts'
import { spendAnnouncement, spendHandleChange } from './handle-allowance.ts'
import type { HandleResolver } from './handle-resolver.ts'
import { admitHandle, isLoopbackHandle } from './handle.ts'
import { recommendData } from './plc.ts'
import { readLastOperation, submitOperation } from './plc-directory.ts'
import { makeOperation, parsePlcChanges, parsePlcOperation, type PlcData, type PlcOperation } from './plc-operation.ts'
import type { PointingParts } from './pointing.ts'
import { handleOf } from './resolved-document.ts'

export interface IdentityChangesParts extends PointingParts {
  readonly store: Store
  readonly handles: HandleResolver
  /** Appends an `#identity` event with the handle of now. */
  readonly announce: () => Promise<unknown>
  readonly now: () => number
}

export class IdentityChanges {
  readonly #parts: IdentityChangesParts
  /** One change at a time: two operations upon the same last one would undo each other. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(parts: IdentityChangesParts) {
    this.#parts = parts
  }

  /**
   * The same handle again is no error: the event goes out once more, for whoever missed it.
   * @throws XrpcError 400 InvalidHandle | 400 InvalidRequest (it resolves to somebody else, or the DID's document is hosted elsewhere and does not name it) |
   *   429 RateLimitExceeded | 503 PlcUnavailable | 502 PlcUntrustworthy | 400 PlcRefused; the old handle stays then
   */
  changeHandle(wanted: string): Promise<void> {
    return this.#inTurn(async () => {
      const { identity, store, handles, now } = this.#parts
      await spendHandleChange(store, now())
      const handle = admitHandle(wanted, identity.origin)
      await this.#assertOwn(handle)
      await this.#nameInDocument(handle)
      handles.forget(identity.handle)
      await identity.rename(handle)
      await this.#publish()
    })
  }

  /** What a DID should say while its account lives here. */
  async recommend(): Promise<PlcData> {
    const { identity, vault, store } = this.#parts
    const recovery = await readPod(store, 'recovery')
    const rotationKeys = [recovery?.didKey, vault.rotation?.didKey].filter((key) => key !== undefined)
    return recommendData({ handle: identity.handle, origin: identity.origin, signingDidKey: vault.signingDidKey }, rotationKeys)
  }

  /**
   * An operation that changes the DID as asked, signed by this pod's rotation key and sent nowhere: for moving away.
   * @param changes as a client gave them
   * @param admit called when everything else is in order, before anything is signed; its error is the outcome
   * @throws XrpcError 400 InvalidRequest (no did:plc, or malformed changes) | what `readLastOperation` and `makeOperation` throw
   */
  async sign(changes: unknown, admit: () => Promise<unknown>): Promise<PlcOperation> {
    const wanted = parsePlcChanges(changes)
    if (wanted === null) throw invalidRequest('These are not the parts of a PLC operation')
    const { identity, directory, fetch } = this.#parts
    const rotation = this.#rotation()
    const last = await readLastOperation(directory(), identity.did, fetch)
    await admit()
    return makeOperation(last, wanted, rotation)
  }

  /**
   * Sends an operation that somebody made, if this pod stays able to serve the account by it.
   * @throws XrpcError 400 InvalidRequest | what `submitOperation` throws
   */
  async submit(given: unknown): Promise<void> {
    const operation = parsePlcOperation(given)
    if (operation === null) throw invalidRequest('Invalid operation')
    return this.#inTurn(async () => {
      const { identity, directory, fetch } = this.#parts
      this.#assertServable(operation)
      await submitOperation(directory(), identity.did, operation, fetch)
      await this.#publish()
    })
  }

  /**
   * Has the DID name another signing key, unless it does so already. A did:web of this host does when the pod has the key.
   * @throws XrpcError 400 InvalidRequest (the document of a did:web elsewhere must name it first) | what `changeHandle` throws of a directory
   */
  nameSigningKey(didKey: string): Promise<void> {
    return this.#inTurn(async () => {
      const { identity, dids } = this.#parts
      if (isDidPlc(identity.did))
        await this.#changePlc(({ verificationMethods }) =>
          verificationMethods['atproto'] === didKey ? null : { verificationMethods: { ...verificationMethods, atproto: didKey } },
        )
      else if (!identity.hostsDocument && (await dids.signingKey(identity.did, { fresh: true })) !== didKey)
        throw invalidRequest(`Let the document of ${identity.did} name the key ${didKey} first`)
      dids.forget(identity.did)
    })
  }

  /**
   * For a did:web of this host whose account moved out: its document names that server and key, until it is pointed back to this origin.
   * @param endpoint origin of the other server
   * @param signingKey did:key that the other server signs by (its getRecommendedDidCredentials says which); not looked at when pointing back
   * @throws XrpcError 400 InvalidRequest
   */
  pointElsewhere(endpoint: string, signingKey: string): Promise<void> {
    return this.#inTurn(async () => {
      const { identity } = this.#parts
      if (!identity.hostsDocument) throw invalidRequest(`The document of ${identity.did} is not hosted here`)
      const origin = parseEndpoint(endpoint)
      if (origin === identity.origin) await identity.moveDocument(undefined)
      else {
        if (identity.standing !== 'deactivated') throw invalidRequest('Deactivate the account first: it would be in two places at once')
        assertDidKey(signingKey)
        await identity.moveDocument({ endpoint: origin, signingKey })
      }
      await this.#publish()
    })
  }

  /**
   * Has the world look the identity up again.
   * @throws XrpcError 400 AccountNotHere | 429 RateLimitExceeded, with `retry-after`
   */
  async announceAgain(): Promise<void> {
    const { identity, store, now, announce } = this.#parts
    if (identity.standing === 'vacant' || identity.standing === 'arriving')
      throw invalidRequest('The account is not here yet: there is nobody to tell of', 'AccountNotHere')
    await spendAnnouncement(store, now())
    await announce()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => {})
    return turn
  }

  /** This host answers for its own name; names under .test and .localhost resolve nowhere, and are for trying things out. */
  async #assertOwn(handle: string): Promise<void> {
    const { identity, handles } = this.#parts
    if (isLoopbackHandle(handle) || handle === new URL(identity.origin).hostname) return
    if ((await handles.resolve(handle, { fresh: true })) !== identity.did) throw invalidRequest('External handle did not resolve to DID')
  }

  async #nameInDocument(handle: string): Promise<void> {
    const { identity, dids } = this.#parts
    if (isDidPlc(identity.did)) {
      await this.#changePlc(({ alsoKnownAs }) => {
        const named = withHandle(alsoKnownAs, handle)
        return named.join() === alsoKnownAs.join() ? null : { alsoKnownAs: named }
      })
    } else if (!identity.hostsDocument && handleOf(await dids.resolve(identity.did, { fresh: true })) !== handle) {
      throw invalidRequest('DID is not properly configured for handle')
    }
  }

  /** @param change null: the directory says so already, by an attempt before this one */
  async #changePlc(change: (data: PlcData) => Partial<PlcData> | null): Promise<void> {
    const { identity, directory, fetch } = this.#parts
    const last = await readLastOperation(directory(), identity.did, fetch)
    const changes = change(last.data)
    if (changes) await submitOperation(directory(), identity.did, await makeOperation(last, changes, this.#rotation()), fetch)
  }

  #rotation() {
    const { identity, vault } = this.#parts
    if (!isDidPlc(identity.did)) throw invalidRequest(`${identity.did} is no did:plc`)
    if (!vault.rotation) throw invalidRequest('This pod has no rotation key')
    return vault.rotation
  }

  #assertServable({ rotationKeys, services, verificationMethods, alsoKnownAs }: PlcOperation): void {
    const { identity, vault } = this.#parts
    const service = services['atproto_pds']
    if (!rotationKeys.includes(this.#rotation().didKey)) throw invalidRequest("Rotation keys do not include server's rotation key")
    if (service?.type !== 'AtprotoPersonalDataServer') throw invalidRequest('Incorrect type on atproto_pds service')
    if (service.endpoint !== identity.origin) throw invalidRequest('Incorrect endpoint on atproto_pds service')
    if (verificationMethods['atproto'] !== vault.signingDidKey) throw invalidRequest('Incorrect signing key')
    if (alsoKnownAs[0] !== `at://${identity.handle}`) throw invalidRequest('Incorrect handle in alsoKnownAs')
  }

  /** An account that is not here yet says nothing: the events come with its activation. */
  async #publish(): Promise<void> {
    const { identity, dids, announce } = this.#parts
    dids.forget(identity.did)
    if (identity.standing === 'active' || identity.standing === 'deactivated') await announce()
  }
}

/** In place of the first handle; whatever else the DID is known as stays. */
const withHandle = (alsoKnownAs: readonly string[], handle: string): string[] => {
  const at = alsoKnownAs.findIndex((uri) => uri.startsWith('at://'))
  return at < 0 ? [`at://${handle}`, ...alsoKnownAs] : alsoKnownAs.with(at, `at://${handle}`)
}

/** As safe as a directory's must be, and without a path. @throws XrpcError 400 InvalidRequest */
const parseEndpoint = (text: string): string => {
  const url = parsePlcUrl(text)
  if (url === null || new URL(url).origin !== url)
    throw invalidRequest(`${JSON.stringify(text)} is not the address of a server, as in https://pds.example.com`)
  return url
}
