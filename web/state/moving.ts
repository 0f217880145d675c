/** Accounts that move: here, from another server, and away from here. */
import type { PodSummary } from '../../wire/owner.ts'
import { askOwner } from '../uplink/register.ts'
import { enterHome } from './creation.ts'
import { changePod } from './pod.ts'

/** Takes the address and waits there, without an account. Ends on the home page, which shows the way in. `claim`: '' where the room asks for none. */
export const awaitAccount = async (claim: string): Promise<void> => {
  const summary = await askOwner<PodSummary>({ kind: 'await-account' })
  await enterHome(summary, claim)
}

/** The did:web of this address names another server from now on. `signingKey`: did:key of the account there. */
export const pointElsewhere = (endpoint: string, signingKey: string): Promise<void> =>
  changePod({ kind: 'point-elsewhere', endpoint, signingKey })

/** What is typed where the old account is. @see https://github.com/bluesky-social/goat */
export const moveInCommands = ({ origin, inviteCode }: Pick<PodSummary, 'origin' | 'inviteCode'>): string =>
  [
    'goat account login -u OLD-HANDLE',
    'goat account plc request-token',
    `goat account migrate --pds-host ${origin} --invite-code ${inviteCode ?? 'CODE'} --new-handle HANDLE --new-password PASSWORD --new-email EMAIL --plc-token TOKEN`,
  ].join('\n')

export const moveOutCommands = ({ origin, handle }: Pick<PodSummary, 'origin' | 'handle'>): string =>
  [
    `goat account login --pds-host ${origin} -u ${handle}`,
    'goat account plc request-token',
    'goat account migrate --pds-host NEW-SERVER --invite-code CODE --new-handle HANDLE --new-password PASSWORD --new-email EMAIL --plc-token TOKEN',
  ].join('\n')

/** Where the identity is kept, which decides how it moves. `own-web`: a did:web whose document is this address's; `other-web`: one that lives elsewhere. */
export const identityHome = ({ did, origin }: Pick<PodSummary, 'did' | 'origin'>): 'plc' | 'own-web' | 'other-web' => {
  if (!did.startsWith('did:web:')) return 'plc'
  return decodeURIComponent(did.slice('did:web:'.length)) === new URL(origin).host ? 'own-web' : 'other-web'
}

/** A sentence with the remedy, or null. The DID document names it to the whole network. */
export const endpointProblem = (endpoint: string): string | null => {
  if (!URL.canParse(endpoint) || !/^https?:/.test(endpoint))
    return 'Type the whole address of the new server, for example https://pds.example.com.'
  const { origin } = new URL(endpoint)
  return origin === endpoint.replace(/\/$/, '') ? null : `Only the address, without a path: ${origin}.`
}

export const signingKeyProblem = (key: string): string | null =>
  /^did:key:z[1-9A-HJ-NP-Za-km-z]{40,}$/.test(key) ? null : 'A signing key starts with did:key:z. The new server names it.'
