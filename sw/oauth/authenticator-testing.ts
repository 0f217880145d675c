/** For tests: a device that makes passkeys and signs with them, and does what it is told. */
import { encode } from 'cborg'

export const challengeOf = (options: string): string => (JSON.parse(options) as { challenge: string }).challenge

interface Changed {
  readonly origin?: string
  readonly rpId?: string
  /** UP 0x01, UV 0x04, AT 0x40. */
  readonly flags?: number
}

/** A device that does what it is told. @see https://www.w3.org/TR/webauthn-3/#sctn-authenticator-data */
export class Authenticator {
  readonly #rawId: Uint8Array<ArrayBuffer>
  readonly #pair: CryptoKeyPair
  readonly #site: Required<Pick<Changed, 'origin' | 'rpId'>>
  counter = 0

  /** @param id of another: it passes for that one */
  static async make(origin: string, id?: string): Promise<Authenticator> {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify'])
    const rawId = id === undefined ? crypto.getRandomValues(new Uint8Array(32)) : Uint8Array.from(Buffer.from(id, 'base64url'))
    return new Authenticator(rawId, pair, origin)
  }

  private constructor(rawId: Uint8Array<ArrayBuffer>, pair: CryptoKeyPair, origin: string) {
    this.#site = { origin, rpId: new URL(origin).hostname }
    this.#rawId = rawId
    this.#pair = pair
  }

  get id(): string {
    return base64url(this.#rawId)
  }

  async create(options: string, { flags = 0x45, ...changed }: Changed = {}): Promise<string> {
    const { x = '', y = '' } = await crypto.subtle.exportKey('jwk', this.#pair.publicKey)
    const publicKey = new Map<number, unknown>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, Buffer.from(x, 'base64url')],
      [-3, Buffer.from(y, 'base64url')],
    ])
    const credential = Buffer.concat([Buffer.alloc(16), Buffer.from([0, this.#rawId.length]), this.#rawId, encode(publicKey)])
    const authData = Buffer.concat([await this.#data(flags, changed), credential])
    const attestationObject = encode({ fmt: 'none', attStmt: {}, authData: Uint8Array.from(authData) })
    return this.#credential({
      attestationObject: base64url(attestationObject),
      clientDataJSON: base64url(clientData('webauthn.create', options, { ...this.#site, ...changed })),
    })
  }

  async get(options: string, { flags = 0x05, ...changed }: Changed = {}): Promise<string> {
    this.counter += 1
    const authenticatorData = await this.#data(flags, changed)
    const client = clientData('webauthn.get', options, { ...this.#site, ...changed })
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', client))
    const signed = Uint8Array.from(Buffer.concat([authenticatorData, hash]))
    const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, this.#pair.privateKey, signed))
    return this.#credential({
      authenticatorData: base64url(authenticatorData),
      clientDataJSON: base64url(client),
      signature: base64url(der(raw)),
    })
  }

  #credential(response: Record<string, string>): string {
    return JSON.stringify({ id: this.id, rawId: this.id, type: 'public-key', clientExtensionResults: {}, response })
  }

  async #data(flags: number, { rpId = this.#site.rpId }: Changed): Promise<Uint8Array<ArrayBuffer>> {
    const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(rpId))
    return Uint8Array.from([...new Uint8Array(hash), flags, 0, 0, 0, this.counter])
  }
}

const clientData = (type: string, options: string, { origin }: Changed): Uint8Array<ArrayBuffer> =>
  new TextEncoder().encode(JSON.stringify({ type, challenge: challengeOf(options), origin, crossOrigin: false }))

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')

/** As authenticators write signatures. */
const der = (raw: Uint8Array): Uint8Array => {
  const integers = [...integer(raw.subarray(0, 32)), ...integer(raw.subarray(32))]
  return Uint8Array.from([0x30, integers.length, ...integers])
}

const integer = (part: Uint8Array): number[] => {
  const bytes = Array.from(part)
  while (bytes[0] === 0 && (bytes[1] ?? 0) < 0x80) bytes.shift()
  if ((bytes[0] ?? 0) >= 0x80) bytes.unshift(0)
  return [0x02, bytes.length, ...bytes]
}
