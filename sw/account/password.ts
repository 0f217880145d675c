/**
 * Passwords are kept as PBKDF2-HMAC-SHA-256, the one slow hash that WebCrypto has.
 * @see https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#pbkdf2
 */
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH, PASSWORD_ROUNDS } from '../../wire/limits.ts'

export interface PasswordHash {
  readonly salt: Uint8Array<ArrayBuffer>
  readonly hash: Uint8Array<ArrayBuffer>
  readonly rounds: number
}

const SALT_BYTES = 16
const HASH_BITS = 256

/** @throws XrpcError 400 InvalidPassword, too short or too long. */
export const hashPassword = async (password: string, rounds = PASSWORD_ROUNDS): Promise<PasswordHash> => {
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH)
    throw invalidRequest(`a password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters`, 'InvalidPassword')
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES))
  return { salt, hash: await derive(password, salt, rounds), rounds }
}

export const isPassword = async (password: string, { salt, hash, rounds }: PasswordHash): Promise<boolean> =>
  password.length <= MAX_PASSWORD_LENGTH && isSame(await derive(password, salt, rounds), hash)

const derive = async (password: string, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<Uint8Array<ArrayBuffer>> => {
  // One password typed on two systems may differ in its Unicode form.
  const secret = new TextEncoder().encode(password.normalize('NFKC'))
  const key = await crypto.subtle.importKey('raw', secret, 'PBKDF2', false, ['deriveBits'])
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, key, HASH_BITS))
}

/** In constant time: where the first difference is must not show. */
const isSame = (a: Uint8Array, b: Uint8Array): boolean => {
  let difference = a.length ^ b.length
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0)
  return difference === 0
}
