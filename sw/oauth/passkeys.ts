/**
 * Passkeys of the owner, by @simplewebauthn/server. Challenges are not kept: each is signed, for one browser and a few minutes; a sign-in changes the browser's secret, and with it
 * no challenge made before is worth anything. @see https://www.w3.org/TR/webauthn-3/
 */
import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { MAX_PASSKEYS, PASSKEY_DEADLINE_MS } from '../../wire/oauth-limits.ts'
import type { Self } from '../identity/self.ts'
import type { PasskeyRow } from '../store/oauth-schema.ts'
import type { Store } from '../store/open.ts'
import { changePasskey, readPasskeys } from '../store/passkeys.ts'
import { isSameText, macOf, type Visitor } from './devices.ts'

export interface PasskeysParts {
  readonly store: Store
  readonly identity: Pick<Self, 'did' | 'handle' | 'origin'>
  readonly key: () => Promise<CryptoKey>
  readonly now: () => number
}

export interface Passkeys {
  list(): Promise<readonly PasskeyRow[]>
  /** For `navigator.credentials.create`, as JSON. */
  creation(visitor: Visitor): Promise<string>
  /** @param credential what the browser made of it, as JSON. @throws XrpcError 400 BadPasskey | TooManyPasskeys */
  add(visitor: Visitor, credential: string, name: string): Promise<void>
  /** For `navigator.credentials.get`; null: there is none to ask for. */
  request(visitor: Visitor): Promise<string | null>
  /** @throws XrpcError 401 AuthenticationRequired */
  verify(visitor: Visitor, credential: string): Promise<void>
  rename(id: string, name: string): Promise<void>
  remove(id: string): Promise<void>
}

export const passkeysOf = ({ store, identity, key, now }: PasskeysParts): Passkeys => {
  const { origin } = identity
  const rpID = new URL(origin).hostname
  const list = async () => (await readPasskeys(store)).sort((a, b) => a.createdAt - b.createdAt)

  const mac = async ({ secret }: Visitor, kind: 'create' | 'get', at: string) => macOf(await key(), `passkey ${kind} ${secret} ${at}`)
  const challenge = async (visitor: Visitor, kind: 'create' | 'get') => {
    const at = `${now()}`
    return new TextEncoder().encode(`${at} ${await mac(visitor, kind, at)}`)
  }
  /** @param said base64url, as the browser repeats it */
  const isOurs = (visitor: Visitor, kind: 'create' | 'get') => async (said: string) => {
    const [at = '', proof = ''] = atob(said.replaceAll('-', '+').replaceAll('_', '/')).split(' ')
    return isSameText(proof, await mac(visitor, kind, at)) && Number(at) + PASSKEY_DEADLINE_MS > now()
  }

  return {
    list,

    async creation(visitor) {
      const options = await generateRegistrationOptions({
        rpName: new URL(origin).host,
        rpID,
        userName: identity.handle,
        userDisplayName: identity.handle,
        // The same for all of them: a device keeps one passkey for a user, and a handle changes.
        userID: new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(identity.did))),
        challenge: await challenge(visitor, 'create'),
        timeout: PASSKEY_DEADLINE_MS,
        attestationType: 'none',
        excludeCredentials: (await list()).map(descriptor),
        authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
      })
      return JSON.stringify(options)
    },

    async add(visitor, credential, name) {
      if ((await list()).length >= MAX_PASSKEYS) throw invalidRequest(`More than ${MAX_PASSKEYS} passkeys are not kept`, 'TooManyPasskeys')
      const response = parse<RegistrationResponseJSON>(credential)
      const { registrationInfo } = await verifyRegistrationResponse({
        response,
        expectedChallenge: isOurs(visitor, 'create'),
        expectedOrigin: origin,
        expectedRPID: rpID,
      }).catch(() => ({ registrationInfo: undefined }))
      if (!registrationInfo) throw invalidRequest('That passkey is none that was asked for just now', 'BadPasskey')
      const { credential: made, credentialBackedUp } = registrationInfo
      await changePasskey(store, made.id, () => ({
        id: made.id,
        // Own buffer: a view would be stored with all that lies behind it.
        publicKey: made.publicKey.slice(),
        counter: made.counter,
        transports: made.transports ?? [],
        name,
        createdAt: now(),
        isBackedUp: credentialBackedUp,
      }))
    },

    async request(visitor) {
      const known = await list()
      if (known.length === 0) return null
      const options = await generateAuthenticationOptions({
        rpID,
        challenge: await challenge(visitor, 'get'),
        timeout: PASSKEY_DEADLINE_MS,
        userVerification: 'required',
        // Not which there are: a stranger sees this page, too.
        allowCredentials: [],
      })
      return JSON.stringify(options)
    },

    async verify(visitor, credential) {
      const response = parse<AuthenticationResponseJSON>(credential)
      const row = (await list()).find(({ id }) => id === response.id)
      if (!row) throw unknown()
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        response,
        expectedChallenge: isOurs(visitor, 'get'),
        expectedOrigin: origin,
        expectedRPID: rpID,
        credential: { id: row.id, publicKey: row.publicKey, counter: row.counter },
      }).catch(() => ({ verified: false as const, authenticationInfo: undefined }))
      if (!verified || !authenticationInfo) throw unknown()
      const { newCounter, credentialBackedUp } = authenticationInfo
      await changePasskey(store, row.id, (row) => row && { ...row, counter: newCounter, lastUsedAt: now(), isBackedUp: credentialBackedUp })
    },

    async rename(id, name) {
      await changePasskey(store, id, (row) => row && { ...row, name })
    },

    async remove(id) {
      await changePasskey(store, id, () => undefined)
    },
  }
}

/** The library looks at every field that it uses. */
const parse = <T>(text: string): T => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && 'id' in value && 'response' in value) return value as T
  } catch {
    // Said below.
  }
  throw invalidRequest('That is no passkey', 'BadPasskey')
}

const descriptor = ({ id, transports }: PasskeyRow) => ({ id, transports: [...transports] as never })

const unknown = (): XrpcError => new XrpcError(401, 'AuthenticationRequired', 'That passkey does not open this account')
