/** Proves that somebody at a page is the owner, by password or passkey, and remembers the browser for as long as was chosen. */
import { XrpcError } from '../../wire/errors.ts'
import { BRIEF_SIGN_IN_MS, HOUR_MS } from '../../wire/oauth-limits.ts'
import type { Words } from '../languages/words.ts'
import type { SignIn } from '../account/sign-in.ts'
import type { Self } from '../identity/self.ts'
import type { Authorizations } from './contract.ts'
import { browserName } from './browser-name.ts'
import type { Devices, Visitor } from './devices.ts'
import type { ProviderSettings } from './provider.ts'
import { KEEPS } from './pages/sign-in.ts'
import type { Passkeys } from './passkeys.ts'

export interface DoorParts {
  readonly signIn: Pick<SignIn, 'checkOwner'>
  readonly devices: Devices
  readonly passkeys: Passkeys
  readonly authorizations: Pick<Authorizations, 'note'>
  readonly identity: Pick<Self, 'did'>
  readonly onSignedIn?: ProviderSettings['onSignedIn']
  readonly now: () => number
}

/**
 * @param fields of the sign-in form. @returns the browser as it is known from now on
 * @throws XrpcError 401 AuthenticationRequired | 429 RateLimitExceeded (with Retry-After) | 400 BadPasskey
 */
export const enter = async (parts: DoorParts, visitor: Visitor, fields: URLSearchParams): Promise<Visitor> => {
  const { signIn, devices, passkeys, authorizations, identity, now } = parts
  const credential = fields.get('credential') ?? ''
  const by = credential === '' ? 'password' : 'passkey'
  const who = noteOf(visitor)
  try {
    if (by === 'passkey') await passkeys.verify(visitor, credential)
    else await signIn.checkOwner(fields.get('identifier') ?? '', fields.get('password') ?? '')
    await parts.onSignedIn?.({ did: identity.did, by, device: visitor })
  } catch (cause) {
    if (cause instanceof XrpcError)
      await authorizations.note({ what: 'sign-in', outcome: 'refused', note: `${by}: ${cause.error}`, ...who })
    throw cause
  }
  const entered = await devices.signIn(visitor, by, now() + keepMs(fields.get('keep')))
  await authorizations.note({ what: 'sign-in', outcome: 'done', note: by, ...who })
  return entered
}

/** What the ledger says of a browser. */
export const noteOf = ({ id, userAgent, address }: Visitor) => ({
  deviceId: id,
  device: browserName(userAgent),
  ...(address !== null && { address }),
})

/** What the page says when it did not work. */
export const problemOf = (words: Words, { status, error, message, headers }: XrpcError): string => {
  if (status === 401 || error === 'BadPasskey') return words.say('signIn.wrong')
  if (status !== 429) return message
  const minutes = Math.ceil(Number(headers['retry-after'] ?? 60) / 60)
  return words.say('signIn.locked', { time: words.minutes(minutes) })
}

/** One of those that the page offers; the shortest for anything else. */
const keepMs = (wanted: string | null): number => {
  const hours = Number(KEEPS.find(([value]) => value === wanted)?.[0] ?? 0)
  return hours === 0 ? BRIEF_SIGN_IN_MS : hours * HOUR_MS
}
