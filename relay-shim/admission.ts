/** Who may be the tab: a signed answer to a fresh challenge, and the binding of this room to the key that signed it. See `docs/protocol.md`, "Joining". */
import { calculateJwkThumbprint } from 'jose'
import { base64url } from 'multiformats/bases/base64'
import { joinMessage, recoveryMessage, type FrameOf, type RoomFrame, type Standing, type TabFrame } from '../wire/frames.ts'
import { DID_CACHE_MS } from '../wire/limits.ts'
import { isDidPlc } from '../wire/plc-url.ts'
import { isPodDid, type NamedByDocument, resolveDid } from './did-document.ts'
import { type NameCheck, nameCheckOf } from './egress-names.ts'
import { importDidKey, importJwk, isSignedBy } from './es256.ts'
import type { RoomPort } from './port.ts'
import { Refused } from './refused.ts'
import { isSameText } from './same-text.ts'

export type Hello = FrameOf<TabFrame, 'hello'>

/** What ties a room to a pod; written at the first claim, read at each opening. */
export interface Binding {
  /** RFC 7638 thumbprint of the uplink key. */
  readonly uplinkKey: string
  readonly did: string
  readonly handle: string
  readonly signingKey: string
  readonly standing: Standing
  /** did:key (P-256) that may turn the room to another uplink key; null: nobody can. */
  readonly recoveryKey: string | null
  /** Thumbprint of the uplink key that the last restore has put out; null: none. */
  readonly formerKey: string | null
}

/** The operator has sent the tab away. */
export interface Kick {
  /** ms since 1970. */
  readonly until: number
  /** For the owner to read. */
  readonly reason: string
}

/** What a hello is judged by beside itself. */
export interface Ground {
  /** Of the connection it came by. */
  readonly nonce: string
  /** Whether the mirror holds a repo of the bound pod: then the DID stays. */
  readonly hasRepo: boolean
}

const BINDING_KEY = 'binding'
const KICK_KEY = 'kick'
const NONCE_BYTES = 32
const HANDLE = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i

export class Admission {
  readonly #port: RoomPort
  readonly #names: NameCheck | null
  #binding: Binding | null
  #kick: Kick | null
  /** The last pod that a document spoke for. */
  #confirmed: { readonly did: string; readonly signingKey: string; readonly at: number } | null = null

  private constructor(port: RoomPort, binding: Binding | null, kick: Kick | null) {
    this.#port = port
    this.#names = nameCheckOf(port.settings)
    this.#binding = binding
    this.#kick = kick
  }

  static async open(port: RoomPort): Promise<Admission> {
    // Older rows lack what came later; all of them were active.
    const [row, kick] = await Promise.all([
      port.storage.get<Partial<Binding> & Record<string, string | null>>(BINDING_KEY),
      port.storage.get<{ until: number; reason: string }>(KICK_KEY),
    ])
    const binding = row ? { standing: 'active' as const, recoveryKey: null, formerKey: null, ...(row as OldBinding) } : null
    return new Admission(port, binding, kick ?? null)
  }

  get binding(): Binding | null {
    return this.#binding
  }

  /** While it lasts. */
  get kick(): Kick | null {
    return this.#kick && this.#kick.until > this.#port.now() ? this.#kick : null
  }

  challenge(): FrameOf<RoomFrame, 'challenge'> {
    const nonce = base64url.baseEncode(crypto.getRandomValues(new Uint8Array(NONCE_BYTES)))
    return { t: 'challenge', host: this.#port.host, nonce, bound: this.#binding !== null, policy: this.#port.settings.policy }
  }

  /**
   * That the key which the hello names has signed this connection's nonce, and that the rest of it makes sense.
   * @throws Refused BadHello | HostMismatch | BadSignature
   */
  async verify(hello: Hello, nonce: string): Promise<void> {
    const { host } = this.#port
    const { did, handle, signingKey, standing, recoveryKey } = hello
    if (!this.#isOwn(did)) {
      if (standing === 'vacant') throw new Refused('HostMismatch', `A pod without an account is the did:web of ${host}, not ${did}.`)
      if (!isPodDid(did)) throw new Refused('BadHello', 'The DID must be a did:web of a host or a did:plc.')
    }
    admitHandle(handle)
    if (!/^did:key:z[1-9A-HJ-NP-Za-km-z]+$/.test(signingKey)) throw new Refused('BadHello', 'The signing key must be a did:key.')
    if (recoveryKey !== undefined) await importDidKey(recoveryKey)
    if (!(await isSignedBy(await importJwk(hello.uplinkKey), hello.sig, joinMessage({ host, nonce, did, signingKey }))))
      throw new Refused('BadSignature', 'The challenge is not signed by the uplink key that was shown.')
  }

  /**
   * That the document of a DID which this host does not speak for names this pod's key and this address. Only who may have the room makes it ask. A
   * server that does not answer locks nobody out: the pod that the room is bound to joins with the DID and the key it was bound by.
   * @throws Refused PlcNotOffered | DidMismatch | DidNotFound | DidUnresolvable | InsecureUrl | PrivateAddress, and what `judge` refuses
   */
  async identify(hello: Hello, ground: Ground): Promise<void> {
    const { did, signingKey } = hello
    const { plcUrl, allowLoopbackEgress } = this.#port.settings
    if (isDidPlc(did) && plcUrl === null)
      throw new Refused('PlcNotOffered', 'This shim was started without a PLC directory (TABPOD_PLC_URL): it admits no did:plc.')
    if (!this.#needsDocument(hello)) return
    await this.judge(hello, ground)
    const now = this.#port.now()
    const confirmed = this.#confirmed
    if (confirmed?.did === did && confirmed.signingKey === signingKey && now - confirmed.at < DID_CACHE_MS) return
    try {
      assertOwn(await resolveDid(did, { plcUrl, allowLoopback: allowLoopbackEgress, names: this.#names }), hello, this.#port.origin)
      this.#confirmed = { did, signingKey, at: now }
    } catch (cause) {
      if (!(cause instanceof Refused) || cause.error !== 'DidUnresolvable' || !this.#wasProven(hello)) throw cause
    }
  }

  /**
   * Whether the verified pod may have this room. Changes nothing.
   * @throws Refused NotYours | RestoredElsewhere | BadSignature | DidMismatch | RoomClosed | ClaimRequired | ClaimRefused | Kicked
   */
  async judge(hello: Hello, { nonce, hasRepo }: Ground): Promise<Binding> {
    const { did, handle, signingKey, standing } = hello
    const uplinkKey = await calculateJwkThumbprint(hello.uplinkKey)
    const bound = this.#binding
    const isKnownKey = bound?.uplinkKey === uplinkKey
    if (!bound) await this.#assertClaim(hello.claim)
    else if (!isKnownKey) await this.#assertRecovery(bound, hello, { nonce, uplinkKey })
    // Before anything was mirrored an account may still move in.
    if (bound && bound.did !== did && (hasRepo || !isKnownKey))
      throw new Refused('DidMismatch', `This address was claimed for ${bound.did}, not for ${did}.`)
    if (this.kick) throw kicked(this.kick)
    const formerKey = (isKnownKey ? bound.formerKey : bound?.uplinkKey) ?? null
    return { uplinkKey, did, handle, signingKey, standing, recoveryKey: hello.recoveryKey ?? bound?.recoveryKey ?? null, formerKey }
  }

  /** The room is this pod's from now on. */
  async bind(binding: Binding): Promise<void> {
    if (!isSame(this.#binding, binding)) await this.#port.storage.put({ [BINDING_KEY]: { ...binding } })
    this.#binding = binding
  }

  /** The room is free again. */
  async release(): Promise<void> {
    this.#binding = null
    await this.#port.storage.delete([BINDING_KEY])
  }

  /** No tab is let in until then. @returns what the one that is there hears */
  async shut(kick: Kick): Promise<Refused> {
    this.#kick = kick
    await this.#port.storage.put({ [KICK_KEY]: { ...kick } })
    return kicked(kick)
  }

  async reopen(): Promise<void> {
    this.#kick = null
    await this.#port.storage.delete([KICK_KEY])
  }

  #isOwn(did: string): boolean {
    return did === `did:web:${encodeURIComponent(this.#port.host)}`
  }

  /** Of a vacant or arriving pod nothing goes out that others could take for the DID's; one that was deactivated here may have moved on. */
  #needsDocument(hello: Hello): boolean {
    if (this.#isOwn(hello.did)) return false
    return hello.standing === 'active' || (hello.standing === 'deactivated' && !this.#wasProven(hello))
  }

  /** Whether the room was bound by this DID and key once a document had named them. */
  #wasProven({ did, signingKey }: Hello): boolean {
    const bound = this.#binding
    return bound?.did === did && bound.signingKey === signingKey && mirrors(bound)
  }

  /** The recovery key hands the room to another uplink key. @throws Refused NotYours | RestoredElsewhere | BadHello | BadSignature */
  async #assertRecovery(bound: Binding, hello: Hello, join: { readonly nonce: string; readonly uplinkKey: string }): Promise<void> {
    if (hello.recovery === undefined && join.uplinkKey === bound.formerKey) throw restoredElsewhere()
    if (hello.recovery === undefined || bound.recoveryKey === null)
      throw new Refused('NotYours', 'Another pod lives at this address: the room is bound to its key.')
    const message = recoveryMessage({ host: this.#port.host, did: hello.did, ...join })
    if (!(await isSignedBy(await importDidKey(bound.recoveryKey), hello.recovery, message)))
      throw new Refused(
        'BadSignature',
        'This is not signed by the recovery key that the room knows: a newer recovery file may have replaced it.',
      )
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

/** For the browser that held the account before. */
export const restoredElsewhere = (): Refused =>
  new Refused('RestoredElsewhere', 'This account was restored in another browser: the address is bound to the key of that one.')

/** Whether what the pod says is mirrored and goes out. */
export const mirrors = ({ standing }: Pick<Binding, 'standing'>): boolean => standing === 'active' || standing === 'deactivated'

/** @see docs/protocol.md, "Sent away" */
const kicked = ({ reason }: Kick): Refused =>
  new Refused('Kicked', reason === '' ? 'The operator of your relay has disconnected this PDS.' : reason)

type OldBinding = Omit<Binding, 'standing' | 'recoveryKey' | 'formerKey'>

const isSame = (a: Binding | null, b: Binding): boolean =>
  a !== null && (Object.keys(b) as Array<keyof Binding>).every((name) => a[name] === b[name])

/** @throws Refused DidMismatch */
const assertOwn = (named: NamedByDocument, { did, signingKey }: Hello, origin: string): void => {
  if (named.signingKey !== signingKey)
    throw new Refused('DidMismatch', `The document of ${did} names another signing key than this browser has.`)
  if (named.pds !== origin)
    throw new Refused('DidMismatch', `The document says that ${did} lives at ${named.pds ?? 'no address'}, not at ${origin}.`)
}

/** The syntax alone; who it belongs to is for its resolvers to find out. @throws Refused BadHello */
export const admitHandle = (handle: string): string => {
  if (!HANDLE.test(handle)) throw new Refused('BadHello', `${handle} is not a valid handle.`)
  return handle
}
