/**
 * For `unicode-segmenter/grapheme`: @atproto/lex-data counts graphemes with it where `Intl.Segmenter` is missing. Every browser in which a pod can
 * live has that since April 2024 (Firefox 125), so its tables (3 kB gzip) are never read.
 */
export const countGraphemes = (): never => {
  throw new Error('This browser has no Intl.Segmenter: it is too old to keep a pod')
}
