/** The blocks of a snapshot, put into packs as they come: runs of CAR entries, so that an export can hand them on as they are. */
import { STORAGE_VALUE_BYTES } from '../../wire/limits.ts'
import { CAR_ENTRY_HEAD_BYTES, writeCarEntry } from './car.ts'
import { CID_BYTES } from './cid.ts'
import { type GenerationKeys, type Rows, cut } from './keys.ts'
import { type PackIndex, PackIndexBuilder, placeOf, prefixAt } from './pack-index.ts'

export class PackWriter {
  readonly #keys: GenerationKeys
  readonly #put: (rows: Rows) => Promise<void>
  readonly #index = new PackIndexBuilder()
  readonly #pack = new Uint8Array(STORAGE_VALUE_BYTES)
  #filled = 0
  #number = 0

  constructor(keys: GenerationKeys, put: (rows: Rows) => Promise<void>) {
    this.#keys = keys
    this.#put = put
  }

  /** A block that stands at several places is added at each. @throws Refused TooLarge */
  async add(cid: string, bytes: Uint8Array): Promise<void> {
    const size = CAR_ENTRY_HEAD_BYTES + bytes.length
    if (this.#filled + size > STORAGE_VALUE_BYTES) await this.#close()
    const pack = size > STORAGE_VALUE_BYTES ? new Uint8Array(size) : this.#pack
    const end = writeCarEntry(pack, this.#filled, cid, bytes)
    this.#index.add(prefixAt(pack, end - bytes.length - CID_BYTES), placeOf(this.#number, this.#filled))
    this.#filled = end
    if (pack !== this.#pack) await this.#close(pack)
  }

  /** Writes the last pack and the index. */
  async end(rev: string): Promise<PackIndex> {
    await this.#close()
    const index = this.#index.build()
    await this.#put(cut(this.#keys.packIndex, indexRow(rev, index)))
    return index
  }

  async #close(pack = this.#pack): Promise<void> {
    if (this.#filled === 0) return
    const rows = cut(this.#keys.pack(this.#number), pack.subarray(0, this.#filled))
    this.#filled = 0
    this.#number += 1
    await this.#put(rows)
  }
}

/** The rev that brought all of it, padded so that the index behind it is aligned. */
const REV_FIELD_BYTES = 16
const REV_BYTES = 13

const indexRow = (rev: string, index: PackIndex): Uint8Array => {
  const row = new Uint8Array(REV_FIELD_BYTES + index.bytes.length)
  new TextEncoder().encodeInto(rev, row)
  row.set(index.bytes, REV_FIELD_BYTES)
  return row
}

export const readIndexRow = (row: Uint8Array): { readonly rev: string; readonly entries: Uint8Array } => ({
  rev: new TextDecoder().decode(row.subarray(0, REV_BYTES)),
  // A copy: a view need not be aligned.
  entries: row.slice(REV_FIELD_BYTES),
})
