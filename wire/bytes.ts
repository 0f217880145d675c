/** Byte arrays, one behind the other, in a buffer of their own. */
export const concat = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/**
 * Gives the memory of `bytes`, and of everything that shares its buffer, back at once: the collector may leave a hundred megabytes of buffers standing.
 * Does nothing where the platform cannot. @see https://developer.mozilla.org/en-US/docs/Web/JavaScript/Reference/Global_Objects/ArrayBuffer/transfer
 */
export const release = ({ buffer }: ArrayBufferView<ArrayBuffer>): void => {
  // TypeScript's lib is of before 2024.
  const { transfer } = buffer as { transfer?: (length: number) => ArrayBuffer }
  transfer?.call(buffer, 0)
}
