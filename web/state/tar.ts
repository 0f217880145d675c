/**
 * Many files in one, for blobs: a browser saves one file at a time. Content is never read here, only put together and cut apart.
 * @see https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06 (ustar)
 */

export interface TarEntry {
  /** ASCII, at most 100 characters. */
  readonly name: string
  readonly content: Blob
}

const BLOCK_BYTES = 512
/** What eleven octal digits can say. */
const MAX_ENTRY_BYTES = 8 ** 11 - 1

/** @throws RangeError when a name or a size does not fit */
export const tarOf = (entries: readonly TarEntry[]): Blob => {
  const parts = entries.flatMap(({ name, content }) => [header(name, content.size), content, zeros(-content.size & (BLOCK_BYTES - 1))])
  return new Blob([...parts, zeros(2 * BLOCK_BYTES)], { type: 'application/x-tar' })
}

/** The plain files in a tar, as slices of it. @throws Error when it is not one, or ends too early */
export const filesInTar = async (tar: Blob): Promise<readonly TarEntry[]> => {
  const files: TarEntry[] = []
  for (let at = 0; at + BLOCK_BYTES <= tar.size;) {
    const head = new Uint8Array(await tar.slice(at, at + BLOCK_BYTES).arrayBuffer())
    if (head.every((byte) => byte === 0)) return files
    if (octal(head, 148, 8) !== checksum(head)) throw new Error('This archive is damaged, or it is no tar file.')
    const size = octal(head, 124, 12)
    const start = at + BLOCK_BYTES
    if (start + size > tar.size) throw new Error('This archive is cut off: its last file is not whole.')
    const kind = head[156]
    if (kind === 0 || kind === 48) files.push({ name: ascii(head, 0, 100), content: tar.slice(start, start + size) })
    at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
  }
  return files
}

const header = (name: string, size: number): Uint8Array<ArrayBuffer> => {
  if (!/^[\x20-\x7e]{1,100}$/.test(name) || size > MAX_ENTRY_BYTES) throw new RangeError(`${name} does not fit into a tar file`)
  const head = zeros(BLOCK_BYTES)
  const put = (at: number, text: string): void => head.set(new TextEncoder().encode(text), at)
  put(0, name)
  put(100, '0000644\0')
  put(108, '0000000\0')
  put(116, '0000000\0')
  put(124, `${size.toString(8).padStart(11, '0')}\0`)
  put(136, '00000000000\0')
  put(156, '0')
  put(257, 'ustar\0')
  put(263, '00')
  put(148, `${checksum(head).toString(8).padStart(6, '0')}\0 `)
  return head
}

/** The sum of the header's bytes, with its own eight counted as spaces. */
const checksum = (head: Uint8Array): number => head.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 32 : byte), 0)
const zeros = (count: number): Uint8Array<ArrayBuffer> => new Uint8Array(count)
const ascii = (head: Uint8Array, at: number, length: number): string =>
  new TextDecoder().decode(head.subarray(at, at + length)).replace(/\0.*$/s, '')
const octal = (head: Uint8Array, at: number, length: number): number => Number.parseInt(ascii(head, at, length).trim(), 8)
