/** The owner, as the browser's dialog shows it. @see https://w3c-fedid.github.io/FedCM/#dictdef-identityprovideraccount */
import { MAX_FEDCM_APPROVED_CHARS, MAX_FEDCM_APPROVED_CLIENTS } from '../../wire/fedcm-limits.ts'
import type { Self } from '../identity/self.ts'
import type { Sites } from '../indieauth/contract.ts'
import { meOf, ownerProfile } from '../indieauth/profile.ts'
import type { RepoReader } from '../repo/contract.ts'

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
  readonly repo: Pick<RepoReader, 'record'>
}

export const accountOf = async ({ identity, repo, sites }: AccountParts): Promise<FedCmAccount> => {
  const { origin, handle } = identity
  const [{ me, name, photo }, known] = await Promise.all([ownerProfile({ identity, repo }), sites.known()])
  return {
    id: me,
    name,
    username: handle,
    picture: photo,
    login_hints: namesOf(identity),
    domain_hints: [...new Set([new URL(origin).hostname, handle])],
    approved_clients: newestOf(known.flatMap(({ clientId }) => spellingsOf(clientId))),
  }
}

/** All that a site may call the account by. */
export const namesOf = ({ did, handle, origin }: AccountParts['identity']): readonly string[] => [
  ...new Set([meOf(origin), origin, new URL(origin).host, handle, did]),
]

/** Browsers compare letter by letter, and a site may leave out the slash behind its bare host. */
const spellingsOf = (clientId: string): readonly string[] => {
  const { origin } = new URL(clientId)
  return clientId === `${origin}/` ? [clientId, origin] : [clientId]
}

const newestOf = (clientIds: readonly string[]): readonly string[] => {
  let chars = 0
  const fitting = clientIds.slice(0, MAX_FEDCM_APPROVED_CLIENTS).filter(({ length }) => (chars += length) <= MAX_FEDCM_APPROVED_CHARS)
  // The room need not be told anew because one of them has come back.
  return fitting.sort()
}
