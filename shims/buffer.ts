import { concat } from '../wire/bytes.ts'

/** As much of a Node Buffer as the OAuth provider asks of one. */
export class Bytes extends Uint8Array<ArrayBuffer> {
  override toString(encoding?: 'hex' | 'base64url'): string {
    if (encoding === 'hex') return Array.from(this, (byte) => byte.toString(16).padStart(2, '0')).join('')
    const text = btoa(String.fromCharCode(...this))
    return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
  }

  /** 0: the same bytes. */
  compare(other: Uint8Array): number {
    const at = this.findIndex((byte, index) => byte !== other[index])
    return at === -1 ? Math.sign(this.length - other.length) : Math.sign((this[at] ?? 0) - (other[at] ?? -1))
  }
}

/** Like Node's, which takes base64url for base64, too. */
const fromBase64 = (text: string): Bytes => {
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, ''))
  return new Bytes(Array.from(binary, (letter) => letter.charCodeAt(0)))
}

const fromHex = (text: string): Bytes => new Bytes((text.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)))

/**
 * For the free variable `Buffer`: @atproto/repo calls `Buffer.concat`, the OAuth provider `Buffer.from`. Injected, not global: lex-data feature-detects a
 * global one.
 */
export const Buffer = {
  concat,
  from: (text: string, encoding: 'base64' | 'hex'): Bytes => (encoding === 'hex' ? fromHex(text) : fromBase64(text)),
}
