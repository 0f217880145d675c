/** Random words that people copy or type: base32 in lower case, without digits that look like letters. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'

/** Five bits a letter. */
export const makeLetters = (count: number): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(count)), (byte) => LETTERS[byte % LETTERS.length]).join('')

/** `xxxxx-xxxxx`, 50 bits, as the reference PDS shapes tokens and invite codes. */
export const makeToken = (): string => `${makeLetters(5)}-${makeLetters(5)}`
