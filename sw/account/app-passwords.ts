/** App passwords: one for each app, without power over the account, each taken back alone. */
import { invalidRequest } from '../../wire/errors.ts'
import type { AppPassword, CreatedAppPassword } from '../../wire/owner.ts'
import { addAppPassword, deleteAppPassword, readAppPasswords } from '../store/app-passwords.ts'
import type { Store } from '../store/open.ts'
import type { AppPasswordRow } from '../store/schema.ts'
import { findPassword, hashPassword } from './password.ts'
import type { Sessions, UsedAppPassword } from './sessions.ts'
import { makeLetters } from './token.ts'

export interface AppPasswords {
  /** @throws XrpcError 400 InvalidRequest where the name is taken */
  create(name: string, privileged: boolean): Promise<CreatedAppPassword>
  /** Newest first. */
  list(): Promise<AppPassword[]>
  /** Ends its sessions too. No error when there is none of this name. */
  revoke(name: string): Promise<void>
  /** The one that this is. Costs one derivation, however many there are. */
  find(password: string): Promise<UsedAppPassword | null>
}

export interface AppPasswordsOptions {
  readonly store: Store
  readonly did: string
  readonly sessions: Pick<Sessions, 'closeAll'>
  readonly now: () => number
  /** Told after every change. */
  readonly changed: () => void
  readonly rounds?: number
}

export const appPasswordsOf = ({ store, did, sessions, now, changed, rounds }: AppPasswordsOptions): AppPasswords => ({
  async create(name, privileged) {
    const letters = makeLetters(16)
    const password = [0, 4, 8, 12].map((at) => letters.slice(at, at + 4)).join('-')
    const row = { name, privileged, createdAt: now(), ...(await hashPassword(password, rounds, await saltOf(did))) }
    if (!(await addAppPassword(store, row))) throw invalidRequest(`There is an app password named ${JSON.stringify(name)} already`)
    changed()
    return { ...toView(row), password }
  },

  async list() {
    return (await readAppPasswords(store)).sort((a, b) => b.createdAt - a.createdAt).map(toView)
  },

  async revoke(name) {
    await deleteAppPassword(store, name)
    await sessions.closeAll(name)
    changed()
  },

  async find(password) {
    const row = await findPassword(password, await readAppPasswords(store))
    return row ? { name: row.name, privileged: row.privileged } : null
  },
})

/** Whether it may be one; the owner's own password may look like this by chance. */
export const isAppPasswordShaped = (password: string): boolean => /^[a-z2-7]{4}(-[a-z2-7]{4}){3}$/.test(password)

/** One salt for all, which is what lets a sign-in derive once. Random passwords of 80 bits need none against tables; this one keeps pods apart. */
const saltOf = async (did: string): Promise<Uint8Array<ArrayBuffer>> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(did))).slice(0, 16)

const toView = ({ name, privileged, createdAt }: AppPasswordRow): AppPassword => ({
  name,
  privileged,
  createdAt: new Date(createdAt).toISOString(),
})
