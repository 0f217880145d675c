/**
 * For `utf8-grapheme-len.js` of @atproto/lex-data, which makes its `Intl.Segmenter` as soon as it is loaded: the browser then reads its tables, and a stopped worker wakes up to 17 ms
 * later. Here it is made for the first text that is counted. Every browser in which a pod can live has `Intl.Segmenter` since April 2024 (Firefox 125), so that
 * the library's own tables (3 kB gzip) are never read.
 */
let segmenter: Intl.Segmenter | undefined

export const graphemeLenNative = (text: string): number => {
  segmenter ??= new Intl.Segmenter()
  let length = 0
  for (const _ of segmenter.segment(text)) length += 1
  return length
}

/** Asked for where the other is missing. */
export const graphemeLenPonyfill = null
