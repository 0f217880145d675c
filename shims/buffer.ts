import { concat } from '../wire/bytes.ts'

/** For the free variable `Buffer`: @atproto/repo calls `Buffer.concat`, nothing else. Injected, not global: lex-data feature-detects a global one. */
export const Buffer = { concat }
