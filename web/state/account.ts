/** What the owner can change about the account. Everything comes back as the pod's new summary, or throws an XrpcError with a message for people. */
import { signal } from '@preact/signals'
import type { AppPassword, CreatedAppPassword } from '../../wire/owner.ts'
import { askOwner } from '../uplink/register.ts'
import { changePod } from './pod.ts'

/** null: not read yet. Newest first. */
export const appPasswords = signal<readonly AppPassword[] | null>(null)

export const readAppPasswords = async (): Promise<void> => {
  const found = await askOwner<readonly AppPassword[]>({ kind: 'app-passwords' })
  appPasswords.value = [...found].sort((one, other) => other.createdAt.localeCompare(one.createdAt))
}

/** The password is in the answer and nowhere else: it is stored as a hash. */
export const createAppPassword = async (name: string, privileged: boolean): Promise<CreatedAppPassword> => {
  const created = await askOwner<CreatedAppPassword>({ kind: 'create-app-password', name, privileged })
  await readAppPasswords()
  return created
}

export const revokeAppPassword = async (name: string): Promise<void> => {
  await askOwner({ kind: 'revoke-app-password', name })
  await readAppPasswords()
}

/** What is wrong with a name for an app password, or null. `taken`: the names in use. */
export const appNameProblem = (name: string, taken: readonly string[]): string | null => {
  if (name.trim() === '') return 'Give it a name, for example that of the app.'
  return taken.includes(name.trim()) ? 'There is one of this name already. Choose another, or revoke that one first.' : null
}

export const changeHandle = (handle: string): Promise<void> => changePod({ kind: 'change-handle', handle })
export const setPassword = (password: string): Promise<void> => changePod({ kind: 'set-password', password })
/** null removes it. */
export const setEmail = (email: string | null): Promise<void> => changePod({ kind: 'set-email', email })
export const activate = (): Promise<void> => changePod({ kind: 'activate' })
export const deactivate = (): Promise<void> => changePod({ kind: 'deactivate' })
export const rotateSigningKey = (): Promise<void> => changePod({ kind: 'rotate-signing-key' })

/** Only what is certainly no address is stopped here; whether it works shows when a code sent to it comes back. */
export const emailProblem = (email: string): string | null =>
  /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(email) ? null : 'That is not an e-mail address. It looks like name@example.com.'
