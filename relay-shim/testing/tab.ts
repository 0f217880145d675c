/** The tab's side of an uplink, as small as the protocol allows, for tests of the room: joins, and answers requests with a function. */
import { base64url } from 'multiformats/bases/base64'
import { decodeMessage, encodeFrame } from '../../wire/codec.ts'
import { joinMessage, parseRoomFrame, type FrameOf, type PublicJwk, type RoomFrame, type TabFrame } from '../../wire/frames.ts'

export type RequestFrame = FrameOf<RoomFrame, 'request'>
export type Hello = FrameOf<TabFrame, 'hello'>
type Received = { readonly head: RoomFrame; readonly payload: Uint8Array }

/** A P-256 did:key; nothing here is signed by it. */
const SIGNING_KEY = 'did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169'

export interface TabKeys {
  readonly pair: CryptoKeyPair
  readonly jwk: PublicJwk
  /** did:key the hello announces and covers. */
  readonly signingKey: string
}

export const newKeys = async (signingKey = SIGNING_KEY): Promise<TabKeys> => {
  const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign', 'verify'])
  const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', pair.publicKey)
  return { pair, jwk: { kty: 'EC', crv: 'P-256', x, y }, signingKey }
}

export const signedHello = async (
  keys: TabKeys,
  challenge: { readonly host: string; readonly nonce: string },
  changes: Partial<Hello> = {},
): Promise<Hello> => {
  const did = changes.did ?? `did:web:${encodeURIComponent(challenge.host)}`
  const { signingKey } = keys
  const message = joinMessage({ ...challenge, did, signingKey })
  const sig = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, keys.pair.privateKey, message))
  return {
    t: 'hello',
    did,
    handle: 'alice.test',
    signingKey,
    standing: 'active',
    uplinkKey: keys.jwk,
    sig: base64url.baseEncode(sig),
    documents: {},
    ...changes,
  }
}

/** The connection ended before that came. */
export class Lost extends Error {}

export class TestTab {
  /** All that came and nobody waited for. */
  readonly received: Received[] = []
  onRequest: (frame: RequestFrame, payload: Uint8Array) => void = () => {}
  onFrame: (head: RoomFrame, payload: Uint8Array) => void = () => {}
  #lostBy: string | null = null
  readonly #keys: TabKeys
  readonly #put: (bytes: Uint8Array<ArrayBuffer>) => void
  readonly #waiting: Array<{
    readonly kinds: readonly string[]
    readonly resolve: (received: Received) => void
    readonly reject: (cause: Error) => void
  }> = []

  constructor(keys: TabKeys, put: (bytes: Uint8Array<ArrayBuffer>) => void) {
    this.#keys = keys
    this.#put = put
  }

  readonly send = (head: TabFrame, payload?: Uint8Array): void => this.#put(encodeFrame(head, payload))

  receive(bytes: Uint8Array): void {
    for (const { head, payload } of decodeMessage(bytes, parseRoomFrame)) this.#hear(head, payload)
  }

  #hear(head: RoomFrame, payload: Uint8Array): void {
    this.onFrame(head, payload)
    if (head.t === 'request') return this.onRequest(head, payload)
    const at = this.#waiting.findIndex(({ kinds }) => kinds.includes(head.t))
    if (at >= 0) this.#waiting.splice(at, 1)[0]?.resolve({ head, payload })
    else this.received.push({ head, payload })
  }

  /** The next frame of one of these kinds, come or coming. */
  async next<T extends RoomFrame['t']>(...kinds: readonly T[]): Promise<FrameOf<RoomFrame, T>> {
    const at = this.received.findIndex(({ head }) => (kinds as readonly string[]).includes(head.t))
    const [come] = at >= 0 ? this.received.splice(at, 1) : []
    const { head } =
      come ??
      (await new Promise<Received>((resolve, reject) => {
        if (this.#lostBy === null) this.#waiting.push({ kinds, resolve, reject })
        else reject(new Lost(`no ${kinds.join(' or ')} came: ${this.#lostBy}`))
      }))
    return head as FrameOf<RoomFrame, T>
  }

  /** The connection is gone: nothing more comes. */
  lost(reason: string): void {
    this.#lostBy = reason
    for (const { kinds, reject } of this.#waiting.splice(0)) reject(new Lost(`no ${kinds.join(' or ')} came: ${reason}`))
  }

  /** Challenge → hello → welcome → ready. */
  async join(changes: Partial<Hello> = {}): Promise<FrameOf<RoomFrame, 'welcome'>> {
    await this.greet(await this.next('challenge'), changes)
    const welcome = await this.next('welcome')
    this.send({ t: 'ready' })
    return welcome
  }

  async greet(challenge: { readonly host: string; readonly nonce: string }, changes: Partial<Hello> = {}): Promise<void> {
    this.send(await signedHello(this.#keys, challenge, changes))
  }

  /** A short answer. */
  answer(id: number, body: string, status = 200): void {
    this.send({ t: 'response', id, status, headers: [['content-type', 'text/plain']], body: 'whole' }, new TextEncoder().encode(body))
  }
}
