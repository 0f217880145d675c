/**
 * Browsers at the pages: which one is it, and is the owner signed in there? The browser that the pod lives in is known by the road its requests take. Any other one carries a
 * cookie (`wire/device-cookie.ts`), and has a row only once somebody has signed in on it: visitors fill no storage.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Session_Management_Cheat_Sheet.html
 */
import { cookieValue, DEVICE_COOKIE, DEVICE_HEADER } from '../../wire/device-cookie.ts'
import { DEVICE_SEEN_STEP_MS, MAX_SHOWN_USER_AGENT_CHARS, OAUTH_SIGN_IN_MAX_AGE_MS } from '../../wire/oauth-limits.ts'
import { isSame } from '../account/password.ts'
import type { Self } from '../identity/self.ts'
import { changeOAuthDevice, readOAuthDevice, readOAuthDevices } from '../store/oauth-devices.ts'
import type { OAuthDeviceRow } from '../store/oauth-schema.ts'
import type { Store } from '../store/open.ts'
import { type Device, OWN_DEVICE } from './contract.ts'

export interface Visitor extends Device {
  /** The browser that the pod lives in. */
  readonly isOwn: boolean
  /** Nobody else knows it: tokens of forms are made from it. It changes at each sign-in. */
  readonly secret: string
  /** The owner is signed in there. */
  readonly account: OAuthDeviceRow['account'] | null
  /** What the browser must be told with the answer: its new cookie; empty: none. */
  readonly cookie: string | null
}

export type SignedInDevice = OAuthDeviceRow & { readonly account: NonNullable<OAuthDeviceRow['account']> }

export interface DevicesParts {
  readonly store: Store
  readonly identity: Pick<Self, 'did' | 'createdAt'>
  /** HMAC-SHA-256. */
  readonly key: () => Promise<CryptoKey>
  readonly now: () => number
}

export class Devices {
  readonly #parts: DevicesParts
  readonly #listeners = new Set<() => void>()

  constructor(parts: DevicesParts) {
    this.#parts = parts
  }

  async visit(request: Request, origin: 'local' | 'shim'): Promise<Visitor> {
    const userAgent = request.headers.get('user-agent')?.slice(0, MAX_SHOWN_USER_AGENT_CHARS) ?? null
    return origin === 'local' ? this.#own(userAgent) : this.#other(request, userAgent)
  }

  /** The owner has proved to be it: from now on the browser is known by another secret, so that one which somebody planted there is worth nothing. */
  async signIn(visitor: Visitor, by: 'password' | 'passkey', until: number): Promise<Visitor> {
    const { did } = this.#parts.identity
    const at = this.#parts.now()
    const { id, isOwn, userAgent, address } = visitor
    const secret = randomText()
    const digest = isOwn ? undefined : await digestOf(secret)
    const account = { did, since: at, at, by, until }
    await this.#prune()
    await changeOAuthDevice(this.#parts.store, id, (row) => ({
      id,
      userAgent,
      address,
      createdAt: row?.createdAt ?? at,
      lastSeenAt: at,
      account,
      ...(digest !== undefined && { secret: digest }),
      ...(row?.account && row.fedcm && { fedcm: row.fedcm }),
    }))
    this.#changed()
    return isOwn ? this.#own(userAgent) : { ...visitor, secret, account, cookie: `${id}.${secret}` }
  }

  /** @returns whether somebody was signed in there */
  async signOut(id: string): Promise<boolean> {
    let wasSignedIn = false
    await changeOAuthDevice(this.#parts.store, id, (row) => {
      wasSignedIn = row?.account !== undefined
      // Its own browser's row says that the owner has signed out there, which its absence would not.
      return row && id === OWN_DEVICE ? { ...row, account: undefined, fedcm: undefined } : undefined
    })
    this.#changed()
    return wasSignedIn
  }

  /** Everywhere but in the browser that the pod lives in, whose page gets a new secret for FedCM when it is looked at next. */
  async signOutElsewhere(): Promise<void> {
    for (const { id } of await readOAuthDevices(this.#parts.store)) if (id !== OWN_DEVICE) await this.signOut(id)
    await this.change(OWN_DEVICE, (row) => (row.fedcm && row.fedcm !== 'closed' ? { ...row, fedcm: undefined } : row))
  }

  /** Of a browser that is known. */
  async change(id: string, change: (row: OAuthDeviceRow) => OAuthDeviceRow): Promise<void> {
    await changeOAuthDevice(this.#parts.store, id, (row) => row && change(row))
    this.#changed()
  }

  /** Called when somebody has signed in or out, or FedCM has, wherever. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  /** Where the owner is signed in, the newest first. */
  async signedIn(): Promise<readonly SignedInDevice[]> {
    const rows = await readOAuthDevices(this.#parts.store)
    return rows.filter((row): row is SignedInDevice => this.#accountOf(row) !== null).sort((a, b) => b.lastSeenAt - a.lastSeenAt)
  }

  async #own(userAgent: string | null): Promise<Visitor> {
    const { store, identity, now } = this.#parts
    const createdAt = Date.parse(identity.createdAt)
    // Whoever made the pod typed its password here, just then.
    const account = { did: identity.did, since: createdAt, at: createdAt, until: createdAt + OAUTH_SIGN_IN_MAX_AGE_MS }
    const row =
      (await readOAuthDevice(store, OWN_DEVICE)) ??
      (await changeOAuthDevice(
        store,
        OWN_DEVICE,
        (row) => row ?? { id: OWN_DEVICE, userAgent, address: null, createdAt: now(), lastSeenAt: now(), account },
      ))
    const secret = await this.#mac(`own ${row?.account?.at ?? 0}`)
    if (row) await this.#seen(row, userAgent)
    return { id: OWN_DEVICE, userAgent, address: null, isOwn: true, secret, account: this.#accountOf(row), cookie: null }
  }

  async #other(request: Request, userAgent: string | null): Promise<Visitor> {
    const [, id, secret] = COOKIE_VALUE.exec(cookieValue(request.headers.get('cookie'), DEVICE_COOKIE) ?? '') ?? []
    const known = { userAgent, address: null, isOwn: false }
    if (id !== undefined && secret !== undefined && id !== OWN_DEVICE) {
      const row = await readOAuthDevice(this.#parts.store, id)
      if (row?.secret !== undefined && isSameText(row.secret, await digestOf(secret))) {
        await this.#seen(row, userAgent)
        return { ...known, id, secret, account: this.#accountOf(row), cookie: null }
      }
      if (!row && isSameText(secret, await this.#mac(`device ${id}`))) return { ...known, id, secret, account: null, cookie: null }
    }
    const fresh = `dev-${toHex(crypto.getRandomValues(new Uint8Array(16)))}`
    const made = await this.#mac(`device ${fresh}`)
    return { ...known, id: fresh, secret: made, account: null, cookie: `${fresh}.${made}` }
  }

  #accountOf(row: OAuthDeviceRow | undefined): Visitor['account'] {
    const { identity, now } = this.#parts
    const account = row?.account
    return account?.did === identity.did && (account.until ?? Infinity) > now() ? account : null
  }

  async #seen({ id, lastSeenAt }: OAuthDeviceRow, userAgent: string | null): Promise<void> {
    const now = this.#parts.now()
    if (lastSeenAt + DEVICE_SEEN_STEP_MS > now) return
    await changeOAuthDevice(this.#parts.store, id, (row) => row && { ...row, userAgent, lastSeenAt: now })
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }

  async #prune(): Promise<void> {
    for (const row of await readOAuthDevices(this.#parts.store))
      if (row.id !== OWN_DEVICE && !this.#accountOf(row)) await changeOAuthDevice(this.#parts.store, row.id, () => undefined)
  }

  /** By it a browser without a row shows that its cookie is ours. */
  async #mac(text: string): Promise<string> {
    return macOf(await this.#parts.key(), text)
  }
}

/** A text that only who has the key can make: base64url. */
export const macOf = async (key: CryptoKey, text: string): Promise<string> =>
  toBase64Url(new Uint8Array(await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(text))))

/** In constant time. */
export const isSameText = (a: string, b: string): boolean => isSame(new TextEncoder().encode(a), new TextEncoder().encode(b))

/** Tells the browser what its cookie is, where there is something to tell. */
export const withCookie = (response: Response, { cookie }: Pick<Visitor, 'cookie'>): Response => {
  if (cookie !== null) response.headers.set(DEVICE_HEADER, cookie)
  return response
}

/** Of either cookie: device and secret. */
export const COOKIE_VALUE = /^(dev-[\da-f]{32})\.([\w-]{43})$/

const SECRET_BYTES = 32
/** 256 bits, base64url. */
export const randomText = (): string => toBase64Url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)))

/** SHA-256, base64url. */
export const digestOf = async (text: string): Promise<string> =>
  toBase64Url(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))

const toBase64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

const toHex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
