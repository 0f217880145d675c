/** Password hints for the owner. The worker stretches what it gets (PBKDF2); length is what is left to the person. */

/** Shorter ones are refused: the sign-in of a pod is open to the whole network. */
const MIN_PASSWORD_LENGTH = 8
const GOOD_LENGTH = 14
/** Without look-alikes (0/o, 1/l/i), so that it can be copied by hand. 31 letters: 4.95 bits each. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789'
const GROUPS = 4
const GROUP_LENGTH = 5

export interface PasswordHint {
  readonly level: 0 | 1 | 2 | 3
  readonly text: string
}

/** Level 0 is refused, 3 is good. Counts kinds of characters only to excuse shorter passwords. */
export const passwordHint = (password: string): PasswordHint => {
  if (password === '') return { level: 0, text: `At least ${MIN_PASSWORD_LENGTH} characters. Longer beats complicated.` }
  if (password.length < MIN_PASSWORD_LENGTH) return { level: 0, text: `${MIN_PASSWORD_LENGTH - password.length} more to go.` }
  if (new Set(password).size < 5) return { level: 1, text: 'Easy to guess: it repeats itself.' }
  if (password.length >= GOOD_LENGTH) return { level: 3, text: 'Strong.' }
  const kinds = [/[a-z]/, /[A-Z]/, /\d/, /[^a-zA-Z\d]/].filter((kind) => kind.test(password)).length
  return kinds >= 3 && password.length >= 10
    ? { level: 2, text: 'Good. A few more characters make it strong.' }
    : { level: 1, text: 'Works, but short. Add a word or two.' }
}

/** What is wrong with a password that somebody wants to set, or null. */
export const passwordProblem = (password: string): string | null =>
  passwordHint(password).level === 0 ? `Use at least ${MIN_PASSWORD_LENGTH} characters.` : null

/** 99 bits in four groups, for example `k7mpx-…`. Bytes that would favour some letters are drawn again. */
export const suggestPassword = (
  random: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array = (bytes) => crypto.getRandomValues(bytes),
): string => {
  const fair = 256 - (256 % LETTERS.length)
  let letters = ''
  while (letters.length < GROUPS * GROUP_LENGTH) {
    for (const byte of random(new Uint8Array(32))) if (byte < fair) letters += LETTERS.charAt(byte % LETTERS.length)
  }
  return Array.from({ length: GROUPS }, (_, group) => letters.slice(group * GROUP_LENGTH, (group + 1) * GROUP_LENGTH)).join('-')
}
