/** For the free variable `Buffer`: @atproto/repo calls `Buffer.concat`, nothing else. Injected, not global: lex-data feature-detects a global one. */
export const Buffer = {
  concat(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0))
    let at = 0
    for (const chunk of chunks) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  },
}
