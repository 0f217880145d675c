/** The owner, as the browser's dialog shows it. @see https://w3c-fedid.github.io/FedCM/#dictdef-identityprovideraccount */
import { MAX_FEDCM_APPROVED_CLIENTS } from '../../wire/fedcm-limits.ts'
import type { Self } from '../identity/self.ts'
import type { Sites } from '../indieauth/contract.ts'

export interface FedCmAccount {
  /** The address that sites know the owner by (`me`): the one name of the account that they are told. */
  readonly id: string
  readonly name: string
  /** Stands where others have an e-mail address, which nobody is told without being asked. */
  readonly username: string
  readonly picture: string
  readonly login_hints: readonly string[]
  readonly domain_hints: readonly string[]
  /** Sites that the owner has let know before: the browser signs in to them without a question, if they want it so. */
  readonly approved_clients: readonly string[]
}

export interface AccountParts {
  readonly identity: Pick<Self, 'did' | 'handle' | 'origin'>
  readonly sites: Pick<Sites, 'known'>
  /** As the owner's profile has it; null: nothing there. */
  readonly displayName: () => Promise<string | null>
}

export const accountOf = async ({ identity, sites, displayName }: AccountParts): Promise<FedCmAccount> => {
  const { origin, handle } = identity
  const [name, known] = await Promise.all([displayName(), sites.known()])
  return {
    id: meOf(origin),
    name: name ?? handle,
    username: handle,
    picture: `${origin}/avatar`,
    login_hints: namesOf(identity),
    domain_hints: [...new Set([new URL(origin).hostname, handle])],
    approved_clients: known.slice(0, MAX_FEDCM_APPROVED_CLIENTS).map(({ clientId }) => clientId),
  }
}

/** @see https://indieauth.spec.indieweb.org/#user-profile-url */
export const meOf = (origin: string): string => `${origin}/`

/** All that a site may call the account by. */
export const namesOf = ({ did, handle, origin }: AccountParts['identity']): readonly string[] => [
  ...new Set([meOf(origin), origin, new URL(origin).host, handle, did]),
]
