/**
 * A vacant pod takes one account in: one that brings its DID, and arrives until its document points here, or a new one.
 * @see https://atproto.com/guides/account-migration#creating-a-new-account
 */
import { invalidRequest, XrpcError } from '../wire/errors.ts'
import type { RoomServices } from '../wire/frames.ts'
import { isDidPlc } from '../wire/plc-url.ts'
import { admitEmail } from './account/email.ts'
import { afterFailure, assertUnlocked, NO_GUESSES } from './account/lock.ts'
import { isSame } from './account/password.ts'
import { Sessions, type TokenPair } from './account/sessions.ts'
import { makeOwner } from './account/sign-in.ts'
import { announceCreation, type CreationOptions } from './creation.ts'
import type { KeyVault } from './identity/contract.ts'
import { type DidDocument, didDocument, originToDidWeb } from './identity/did-document.ts'
import { assertDidKey } from './identity/did-key.ts'
import { admitHandle, isLoopbackHandle } from './identity/handle.ts'
import { createDidPlc, type PlcPlace } from './identity/plc.ts'
import type { Self } from './identity/self.ts'
import { Repo } from './repo/repo.ts'
import type { Store } from './store/open.ts'
import { changePod, writePod } from './store/pod.ts'

export interface NewAccount {
  readonly handle: string
  readonly password: string
  readonly email: string
  /** One that exists elsewhere; the caller has proven that it is theirs. */
  readonly did?: string
  /** did:key that shall rule a new did:plc, above this browser's. */
  readonly recoveryKey?: string
}

export interface CreatedAccount extends TokenPair {
  readonly did: string
  readonly handle: string
  /** Left out while the account arrives: clients go where the document points, and that is still the old server. */
  readonly didDoc?: DidDocument
}

export interface Vacancy {
  /** Wrong codes are counted. @throws XrpcError 400 InvalidInviteCode (also where an account lives here already) | 429 RateLimitExceeded */
  admit(inviteCode: string): Promise<void>
  /**
   * Puts the account in the vacant one's place: active, or arriving where it brings a DID. The pod must be composed anew afterwards.
   * @throws XrpcError 400 InvalidRequest (e-mail; a handle that does not name the DID) | 400 InvalidHandle | 400 InvalidPassword |
   *   400 InvalidInviteCode | 503 PlcUnavailable | 400 PlcRefused; everything is as before then
   */
  moveIn(account: NewAccount): Promise<CreatedAccount>
}

export interface VacancyParts {
  readonly store: Store
  readonly identity: Self
  readonly vault: KeyVault
  readonly repo: Repo
  readonly options: CreationOptions & { readonly now: () => number }
  readonly services: () => RoomServices
  /** PLC directory of DIDs that come from elsewhere. */
  readonly directory: () => string
  /** Handle → DID, asked afresh; null: none. */
  readonly resolveHandle: (handle: string) => Promise<string | null>
  /** Told when the store holds another account, and this composition is good for nothing any more. */
  readonly filled: () => void
}

export const vacancyOf = (parts: VacancyParts): Vacancy => {
  const { store, identity, vault, repo, options, services, directory, resolveHandle, filled } = parts
  const { now } = options
  const { origin } = identity
  let isTaken = false

  const admitName = async (wanted: string, did: string | undefined): Promise<string> => {
    const handle = admitHandle(wanted, origin)
    // Names for tests resolve nowhere.
    if (did !== undefined && !isLoopbackHandle(handle) && (await resolveHandle(handle)) !== did)
      throw invalidRequest('External handle did not resolve to DID')
    return handle
  }

  const makeDid = async (place: PlcPlace, plc: string | null): Promise<string> => {
    try {
      return plc === null ? originToDidWeb(origin) : await createDidPlc(plc, place, vault, options.fetch)
    } catch (cause) {
      isTaken = false
      throw cause
    }
  }

  return {
    async admit(inviteCode) {
      let isAdmitted = false
      // Checked and counted in one transaction, so that guesses made side by side are counted like guesses made in turn.
      await changePod(store, 'account', (row) => {
        if (row?.inviteCode === undefined || isTaken) return undefined
        const guesses = row.guesses ?? NO_GUESSES
        assertUnlocked(guesses, now())
        isAdmitted = isSameText(inviteCode.trim().toLowerCase(), row.inviteCode)
        return isAdmitted ? undefined : { ...row, guesses: afterFailure(guesses, now()) }
      })
      if (!isAdmitted) throw notAvailable()
    },

    async moveIn({ handle: wanted, password, email: address, did: brought, recoveryKey }) {
      const email = admitEmail(address)
      const handle = await admitName(wanted, brought)
      if (recoveryKey !== undefined) assertDidKey(recoveryKey)
      const owner = await makeOwner(password)
      if (isTaken || identity.standing !== 'vacant') throw notAvailable()
      isTaken = true
      const plc = brought === undefined ? services().plc : isDidPlc(brought) ? directory() : null
      const did = brought ?? (await makeDid({ handle, origin, ...(recoveryKey !== undefined && { recoveryKey }) }, plc))
      // Should the worker die between the two, the pod is vacant as before, and its repo is replaced at the next try.
      await repo.close()
      try {
        const since = now()
        const own = await Repo.create(store, vault, did, options)
        await writePod(store, {
          identity: { did, handle, origin, createdAt: new Date(since).toISOString(), ...(plc !== null && { plc }) },
          account: { standing: brought === undefined ? 'active' : 'arriving', since },
          owner: { ...owner, email },
        })
        if (brought === undefined) await announceCreation(own, handle)
        await own.close()
        const tokens = await new Sessions(store, { did, audience: originToDidWeb(origin), key: vault.sessionKey }, now).open()
        return {
          ...tokens,
          did,
          handle,
          ...(brought === undefined && { didDoc: didDocument({ did, handle, origin }, vault.signingDidKey) }),
        }
      } finally {
        filled()
      }
    },
  }
}

const notAvailable = (): XrpcError => invalidRequest('Provided invite code not available', 'InvalidInviteCode')

/** In constant time. */
const isSameText = (a: string, b: string): boolean => isSame(new TextEncoder().encode(a), new TextEncoder().encode(b))
