/** For `node:crypto`: the OAuth provider hashes and draws random bytes with it. noble's hashes are in the worker already, and answer at once as Node's do. */
import { hmac } from '@noble/hashes/hmac'
import { sha256 } from '@noble/hashes/sha2'
import { Bytes } from './buffer.ts'

const hash = (name: string) => {
  if (name !== 'sha256') throw new TypeError(`no ${name} here`)
  return sha256
}

const digesting = (state: { update(data: Uint8Array): unknown; digest(): Uint8Array }) => ({
  update(data: string | Uint8Array) {
    state.update(typeof data === 'string' ? new TextEncoder().encode(data) : data)
    return this
  },
  digest: (): Bytes => new Bytes(state.digest()),
})

export const createHash = (name: string) => digesting(hash(name).create())

export const createHmac = (name: string, key: Uint8Array) => digesting(hmac.create(hash(name), key))

export const randomBytes = (length: number, callback?: (error: null, bytes: Bytes) => void): Bytes => {
  const bytes = crypto.getRandomValues(new Bytes(length))
  callback?.(null, bytes)
  return bytes
}
