/**
 * For the OAuth provider's `dpop/dpop-nonce.js`, which computes the nonces of three intervals as soon as it is made, in a worker that has just woken: nine hashes, nine milliseconds, before
 * a page that asks for none. Here each is computed when somebody asks for it, and is the same.
 */
import { z } from 'zod'
import { createHmac } from '../node-crypto.ts'
import { DPOP_NONCE_MAX_AGE } from './constants.ts'

export const rotationIntervalSchema = z.number()
export const dpopSecretSchema = z.instanceof(Uint8Array)

const INTERVAL_MS = DPOP_NONCE_MAX_AGE / 3

export class DpopNonce {
  readonly #secret: Uint8Array
  /** By interval. */
  readonly #known = new Map<number, string>()

  constructor(secret: Uint8Array) {
    this.#secret = secret
  }

  next(): string {
    return this.#of(currentInterval() + 1)
  }

  /** The next, the present and the last one are good. */
  check(nonce: string): boolean {
    const present = currentInterval()
    return [present + 1, present, present - 1].some((interval) => this.#of(interval) === nonce)
  }

  #of(interval: number): string {
    const known = this.#known.get(interval)
    if (known !== undefined) return known
    for (const old of this.#known.keys()) if (Math.abs(interval - old) > 2) this.#known.delete(old)
    const counted = new Uint8Array(8)
    new DataView(counted.buffer).setBigInt64(0, BigInt(interval))
    const nonce = createHmac('sha256', this.#secret).update(counted).digest().toString('base64url')
    this.#known.set(interval, nonce)
    return nonce
  }
}

const currentInterval = (): number => Math.trunc(Date.now() / INTERVAL_MS)
