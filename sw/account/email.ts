/** The owner's e-mail address: where tokens are mailed, and another name to sign in with. A pod needs none. */
import { invalidRequest } from '../../wire/errors.ts'
import { MAX_EMAIL_CHARS } from '../../wire/limits.ts'
import type { Store } from '../store/open.ts'
import { changePod, readPod } from '../store/pod.ts'
import type { Inbox } from './inbox.ts'

export interface Email {
  current(): Promise<{ readonly email?: string; readonly emailConfirmed: boolean }>
  /** @throws XrpcError 400 InvalidRequest where there is no address */
  requestConfirmation(): Promise<void>
  /** @throws XrpcError 400 InvalidEmail | InvalidToken | ExpiredToken */
  confirm(email: string, token: string): Promise<void>
  /** A confirmed address is given up only with a token; an absent or unconfirmed one needs none. */
  requestUpdate(): Promise<{ readonly tokenRequired: boolean }>
  /** @throws XrpcError 400 InvalidRequest (no address) | TokenRequired | InvalidToken | ExpiredToken */
  update(email: string, token?: string): Promise<void>
  /** As the owner wants it in the app. null: none. @throws XrpcError 400 InvalidRequest */
  set(email: string | null): Promise<void>
}

export const emailOf = ({
  store,
  inbox,
  now,
  changed,
}: {
  readonly store: Store
  readonly inbox: Inbox
  readonly now: () => number
  /** Told after every change. */
  readonly changed: () => void
}): Email => {
  const current = async () => {
    const owner = await readPod(store, 'owner')
    return {
      ...(owner?.email !== undefined && { email: owner.email }),
      emailConfirmed: owner?.email !== undefined && owner.emailConfirmedAt !== undefined,
    }
  }

  const write = async (email: string | null, confirmedAt?: number): Promise<void> => {
    await changePod(store, 'owner', (row) => {
      if (!row) return undefined
      const { email: _, emailConfirmedAt: __, ...rest } = row
      return { ...rest, ...(email !== null && { email }), ...(confirmedAt !== undefined && { emailConfirmedAt: confirmedAt }) }
    })
    changed()
  }

  const set = async (email: string | null): Promise<void> => {
    const before = await current()
    const wanted = email === null ? null : admitEmail(email)
    if (wanted === (before.email ?? null)) return
    await write(wanted)
    // Tokens that wait were meant for the address before.
    await inbox.clear()
  }

  return {
    current,
    set,

    async requestConfirmation() {
      const { email } = await current()
      if (email === undefined) throw invalidRequest('account does not have an email address')
      await inbox.issue('confirm-email', { email })
    },

    async confirm(email, token) {
      const { email: own } = await current()
      if (own === undefined || own !== email.toLowerCase()) throw invalidRequest('invalid email', 'InvalidEmail')
      await inbox.redeem('confirm-email', token)
      await write(own, now())
    },

    async requestUpdate() {
      const { emailConfirmed } = await current()
      if (emailConfirmed) await inbox.issue('update-email')
      return { tokenRequired: emailConfirmed }
    },

    async update(email, token) {
      const wanted = admitEmail(email)
      const { emailConfirmed } = await current()
      if (token === undefined && emailConfirmed) throw invalidRequest('confirmation token required', 'TokenRequired')
      if (token !== undefined) await inbox.redeem('update-email', token)
      await set(wanted)
    },
  }
}

/** The address in lower case. @throws XrpcError 400 InvalidRequest */
export const admitEmail = (email: string): string => {
  if (email.length > MAX_EMAIL_CHARS || !/^[^\s@]+@[^\s@]+\.[^\s@.]+$/.test(email))
    throw invalidRequest('This email address is not supported, please use a different email.')
  return email.toLowerCase()
}
