/** The last line of defence for what is written down: nothing that looks like a secret of this pod gets through, whoever's message it stands in. */

const HIDDEN = '[hidden]'

const SHAPES: readonly RegExp[] = [
  // What follows a scheme of authorization, and every JWT. @see https://datatracker.ietf.org/doc/html/rfc7515#section-3.1
  /(?<=\b(?:bearer|dpop|basic) )\S+/gi,
  /\beyJ[\w-]*\.[\w-]*(?:\.[\w-]*)?/g,
  // App passwords, and tokens of the inbox.
  /\b[a-z2-7]{4}(?:-[a-z2-7]{4}){3}\b/gi,
  /\b[A-Z2-7]{5}-[A-Z2-7]{5}\b/gi,
  // Parameters of addresses.
  /(?<=:\/\/[^\s?]*\?)[^\s)"']*/g,
]

/** @param maxChars of what is kept: the rest is cut off first, so that nobody's long text costs much */
export const withoutSecrets = (text: string, maxChars: number): string =>
  SHAPES.reduce((safe, shape) => safe.replace(shape, HIDDEN), text.slice(0, maxChars))
