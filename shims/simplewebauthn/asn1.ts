/** For `@peculiar/asn1-schema` and `-ecc`: @simplewebauthn/server takes one thing apart with them, the two integers of an ECDSA signature. @see https://www.rfc-editor.org/rfc/rfc3279#section-2.2.3 */
export const ECDSASigValue = 'Ecdsa-Sig-Value'

const SEQUENCE = 0x30
const INTEGER = 0x02

export const AsnParser = {
  /** No curve that a passkey has makes one longer than 127 bytes but P-521, which takes one more byte for the length. @throws TypeError */
  parse(der: Uint8Array, _what: typeof ECDSASigValue): { readonly r: Uint8Array; readonly s: Uint8Array } {
    const whole = element(der, 0, SEQUENCE)
    const r = element(whole.bytes, 0, INTEGER)
    const s = element(whole.bytes, r.end, INTEGER)
    if (whole.end !== der.length || s.end !== whole.bytes.length) throw broken()
    return { r: r.bytes, s: s.bytes }
  },
}

const element = (der: Uint8Array, at: number, tag: number): { readonly bytes: Uint8Array; readonly end: number } => {
  const [kind, first = 0x80, second = 0] = der.subarray(at, at + 3)
  const isLong = first === 0x81
  if (kind !== tag || (first > 0x7f && !isLong) || (isLong && second < 0x80)) throw broken()
  const start = at + (isLong ? 3 : 2)
  const end = start + (isLong ? second : first)
  if (end > der.length) throw broken()
  return { bytes: der.subarray(start, end), end }
}

const broken = (): TypeError => new TypeError('not an ECDSA signature')
