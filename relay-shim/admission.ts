/** Who may be the tab: a signed answer to a fresh challenge, and the binding of this room to the key that signed it. See `docs/protocol.md`, "Joining". */
import { calculateJwkThumbprint } from 'jose'
import { base64url } from 'multiformats/bases/base64'
import { joinMessage, type FrameOf, type PublicJwk, type RoomFrame, type TabFrame } from '../wire/frames.ts'
import { PLC_CACHE_MS } from '../wire/limits.ts'
import { isDidPlc } from '../wire/plc-url.ts'
import { type PlcAnswer, resolveDidPlc } from './did-plc.ts'
import type { RoomPort } from './port.ts'
import { Refused } from './refused.ts'

export type Hello = FrameOf<TabFrame, 'hello'>

/** What ties a room to a pod; written at the first claim, read at each opening. */
export interface Binding {
  /** RFC 7638 thumbprint of the uplink key. */
  readonly uplinkKey: string
  readonly did: string
  readonly handle: string
  readonly signingKey: string
}

const BINDING_KEY = 'binding'
const NONCE_BYTES = 32
const HANDLE = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i
const SIGNATURE_BYTES = 64

export class Admission {
  readonly #port: RoomPort
  #binding: Binding | null
  /** The last did:plc that its directory spoke for. */
  #confirmed: { readonly did: string; readonly signingKey: string; readonly at: number } | null = null

  private constructor(port: RoomPort, binding: Binding | null) {
    this.#port = port
    this.#binding = binding
  }

  static async open(port: RoomPort): Promise<Admission> {
    return new Admission(port, (await port.storage.get<Binding & Record<string, string>>(BINDING_KEY)) ?? null)
  }

  get binding(): Binding | null {
    return this.#binding
  }

  challenge(): FrameOf<RoomFrame, 'challenge'> {
    const nonce = base64url.baseEncode(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)))
    return { t: 'challenge', host: this.#port.host, nonce, bound: this.#binding !== null, policy: this.#port.settings.policy }
  }

  /** That the key which the hello names has signed this connection's nonce. @throws Refused BadHello | HostMismatch | BadSignature */
  async verify(hello: Hello, nonce: string): Promise<void> {
    const { host } = this.#port
    const { did, handle, signingKey } = hello
    if (!/^did:web:\S+$/.test(did) && !isDidPlc(did)) throw new Refused('BadHello', 'The DID must be a did:web or a did:plc.')
    if (did.startsWith('did:web:') && did !== `did:web:${encodeURIComponent(host)}`)
      throw new Refused('HostMismatch', `${did} belongs to another host than ${host}.`)
    admitHandle(handle)
    if (!/^did:key:z[1-9A-HJ-NP-Za-km-z]+$/.test(signingKey)) throw new Refused('BadHello', 'The signing key must be a did:key.')
    if (!(await isSigned(hello, joinMessage({ host, nonce, did, signingKey }))))
      throw new Refused('BadSignature', 'The challenge is not signed by the uplink key that was shown.')
  }

  /**
   * That a did:plc names this pod's key and this address. Only who may have the room makes it ask the directory. A directory that does not answer locks
   * nobody out: the pod that the room is bound to joins with the DID and the key it was bound by.
   * @throws Refused PlcNotOffered | DidMismatch | DidNotFound | DidUnresolvable, and what `judge` refuses
   */
  async identify(hello: Hello): Promise<void> {
    const { did, signingKey } = hello
    if (!isDidPlc(did)) return
    const { plcUrl } = this.#port.settings
    if (plcUrl === null)
      throw new Refused('PlcNotOffered', 'This shim was started without a PLC directory (TABPOD_PLC_URL): it admits no did:plc.')
    await this.judge(hello)
    const isKnown = (known: { readonly did: string; readonly signingKey: string } | null): boolean =>
      known?.did === did && known.signingKey === signingKey
    const now = this.#port.now()
    if (this.#confirmed && isKnown(this.#confirmed) && now - this.#confirmed.at < PLC_CACHE_MS) return
    try {
      assertOwn(await resolveDidPlc(plcUrl, did), hello, this.#port.origin)
      this.#confirmed = { did, signingKey, at: now }
    } catch (cause) {
      if (!(cause instanceof Refused) || cause.error !== 'DidUnresolvable' || !isKnown(this.#binding)) throw cause
    }
  }

  /** Whether the verified pod may have this room. Changes nothing. @throws Refused NotYours | DidMismatch | RoomClosed | ClaimRequired | ClaimRefused */
  async judge(hello: Hello): Promise<Binding> {
    const uplinkKey = await calculateJwkThumbprint(hello.uplinkKey)
    const bound = this.#binding
    if (!bound) await this.#assertClaim(hello.claim)
    else if (bound.uplinkKey !== uplinkKey)
      throw new Refused('NotYours', 'Another pod lives at this address: the room is bound to its key.')
    else if (bound.did !== hello.did) throw new Refused('DidMismatch', `This address was claimed for ${bound.did}, not for ${hello.did}.`)
    return { uplinkKey, did: hello.did, handle: hello.handle, signingKey: hello.signingKey }
  }

  /** The room is this pod's from now on. */
  async bind(binding: Binding): Promise<void> {
    const before = this.#binding
    const isSame = before?.uplinkKey === binding.uplinkKey && before.handle === binding.handle && before.signingKey === binding.signingKey
    if (!isSame) await this.#port.storage.put({ [BINDING_KEY]: { ...binding } })
    this.#binding = binding
  }

  /** The room is free again. */
  async release(): Promise<void> {
    this.#binding = null
    await this.#port.storage.delete([BINDING_KEY])
  }

  async #assertClaim(claim: string | undefined): Promise<void> {
    const { policy, claimToken } = this.#port.settings
    if (policy === 'open') return
    if (policy === 'closed' || claimToken === null)
      throw new Refused('RoomClosed', 'This shim gives no address away; its operator has to allow it.')
    if (claim === undefined)
      throw new Refused('ClaimRequired', 'This address is claimed with a token: open the link that the shim printed.')
    if (!(await isSameText(claim, claimToken)))
      throw new Refused('ClaimRefused', 'The claim token is not the one this shim was started with.')
  }
}

/** @throws Refused DidMismatch */
const assertOwn = (answer: PlcAnswer, { did, signingKey }: Hello, origin: string): void => {
  if (answer.signingKey !== signingKey)
    throw new Refused('DidMismatch', `The directory names another signing key for ${did} than this browser has.`)
  if (answer.pds !== origin)
    throw new Refused('DidMismatch', `The directory says that ${did} lives at ${answer.pds ?? 'no address'}, not at ${origin}.`)
}

/** The syntax alone; who it belongs to is for its resolvers to find out. @throws Refused BadHello */
export const admitHandle = (handle: string): string => {
  if (!HANDLE.test(handle)) throw new Refused('BadHello', `${handle} is not a valid handle.`)
  return handle
}

/** ES256, raw r‖s. @see https://www.rfc-editor.org/rfc/rfc7518#section-3.4 */
const isSigned = async (hello: Hello, message: Uint8Array<ArrayBuffer>): Promise<boolean> => {
  const signature = bytesOf(hello.sig)
  if (signature.length !== SIGNATURE_BYTES) throw new Refused('BadHello', 'The signature is not 64 bytes of base64url.')
  const key = await importKey(hello.uplinkKey)
  return crypto.subtle.verify({ name: 'ECDSA', hash: 'SHA-256' }, key, signature, message)
}

const importKey = async (jwk: PublicJwk): Promise<CryptoKey> => {
  try {
    return await crypto.subtle.importKey('jwk', jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['verify'])
  } catch (cause) {
    throw new Refused('BadHello', 'The uplink key is not a point of P-256.', { cause })
  }
}

const bytesOf = (text: string): Uint8Array<ArrayBuffer> => {
  try {
    return Uint8Array.from(base64url.baseDecode(text))
  } catch {
    return new Uint8Array(0)
  }
}

/** Takes the same time wherever the texts differ, and whatever their lengths: what is compared are their hashes. */
const isSameText = async (a: string, b: string): Promise<boolean> => {
  const [x, y] = [await sha256(a), await sha256(b)]
  return x.reduce((difference, byte, at) => difference | (byte ^ (y[at] ?? 0)), 0) === 0
}

const sha256 = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))
