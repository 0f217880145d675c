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
export const hashPassword = async (
  password: string,
  rounds = PASSWORD_ROUNDS,
  salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES)),
): Promise<PasswordHash> => {
  if (password.length < MIN_PASSWORD_LENGTH || password.length > MAX_PASSWORD_LENGTH)
    throw invalidRequest(`a password has ${MIN_PASSWORD_LENGTH} to ${MAX_PASSWORD_LENGTH} characters`, 'InvalidPassword')
  return { salt, hash: await derive(password, salt, rounds), rounds }
}

export const isPassword = async (password: string, hash: PasswordHash): Promise<boolean> =>
  (await findPassword(password, [hash])) !== undefined

/** The one of several hashes, all with one salt, that is of this password. Derives once, unless the rounds have changed between them. */
export const findPassword = async <H extends PasswordHash>(password: string, hashes: readonly H[]): Promise<H | undefined> => {
  const [first] = hashes
  if (!first || password.length > MAX_PASSWORD_LENGTH) return undefined
  const found: H[] = []
  for (const rounds of new Set(hashes.map(({ rounds }) => rounds))) {
    const derived = await derive(password, first.salt, rounds)
    found.push(...hashes.filter((candidate) => candidate.rounds === rounds && isSame(derived, candidate.hash)))
  }
  return found[0]
}

const derive = async (password: string, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<Uint8Array<ArrayBuffer>> => {
  // One password typed on two systems may differ in its Unicode form.
  const secret = new TextEncoder().encode(password.normalize('NFKC'))
  const key = await crypto.subtle.importKey('raw', secret, 'PBKDF2', false, ['deriveBits'])
  return new Uint8Array(await crypto.subtle.deriveBits({ name: 'PBKDF2', hash: 'SHA-256', salt, iterations }, key, HASH_BITS))
}

/** In constant time: where the first difference is must not show. */
export const isSame = (a: Uint8Array, b: Uint8Array): boolean => {
  let difference = a.length ^ b.length
  for (let at = 0; at < a.length; at++) difference |= (a[at] ?? 0) ^ (b[at] ?? 0)
  return difference === 0
}
