/** For `multiformats/basics` in uint8arrays: of the bases those that @atproto/crypto names. The others, one of them all emoji, nobody reads or writes here. */
import { base16, base16upper } from 'multiformats/bases/base16'
import { base32, base32upper } from 'multiformats/bases/base32'
import { base58btc } from 'multiformats/bases/base58'
import { base64, base64pad, base64url, base64urlpad } from 'multiformats/bases/base64'

export const bases = { base16, base16upper, base32, base32upper, base58btc, base64, base64pad, base64url, base64urlpad }
