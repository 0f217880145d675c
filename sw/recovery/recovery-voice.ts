/** What the pod says to its room of the recovery key: which one is in force, and, after a restore, that the room shall turn to this browser. */
import { lowS } from '../identity/key-vault.ts'
import type { Store } from '../store/open.ts'
import { readPod, writePod } from '../store/pod.ts'

const ES256 = { name: 'ECDSA', hash: 'SHA-256' } as const

export class RecoveryVoice {
  readonly #store: Store
  /** A key that the room shall learn before its file is handed out; gone with the worker, so that the key in force stays the one that is written down. */
  #proposed: string | undefined

  constructor(store: Store) {
    this.#store = store
  }

  async announced(): Promise<string | undefined> {
    return this.#proposed ?? (await readPod(this.#store, 'recovery'))?.didKey
  }

  async rebind(message: Uint8Array): Promise<Uint8Array | undefined> {
    const row = await readPod(this.#store, 'rebind')
    return row && signES256(row.key, message)
  }

  async admitted(): Promise<void> {
    if (await readPod(this.#store, 'rebind')) await writePod(this.#store, {}, ['rebind'])
  }

  /** From now on the room hears of this key. undefined: of the one in force again. */
  propose(didKey: string | undefined): void {
    this.#proposed = didKey
  }

  /** @param at ms */
  async enforce(didKey: string, at: number): Promise<void> {
    await writePod(this.#store, { recovery: { didKey, at } })
    this.#proposed = undefined
  }
}

/** 64 bytes r‖s, low-S. */
export const signES256 = async (key: CryptoKey, message: Uint8Array): Promise<Uint8Array<ArrayBuffer>> =>
  // TypeScript's lib wants a view on an ArrayBuffer; WebCrypto copies whatever it is given.
  lowS(new Uint8Array(await crypto.subtle.sign(ES256, key, message as Uint8Array<ArrayBuffer>)))
