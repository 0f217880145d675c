/** Tokens that the owner types into a client to confirm something: shown in the app, and mailed where the room can. No e-mail service is needed for anything. */
import { invalidRequest } from '../../wire/errors.ts'
import type { MailPurpose } from '../../wire/frames.ts'
import { INBOX_LIMITS, INBOX_TOKEN_TTL_MS, MAX_TOKEN_GUESSES } from '../../wire/limits.ts'
import type { InboxMessage } from '../../wire/owner.ts'
import { changeMessage, deleteMessage, readMessages } from '../store/inbox.ts'
import type { Store } from '../store/open.ts'
import type { InboxRow } from '../store/schema.ts'
import { assertAdmitted, spend, type Spending } from './allowance.ts'
import { makeToken } from './token.ts'

export interface Inbox {
  /** A new token in place of an older one for the same purpose. @param about.email the address it speaks for. @throws XrpcError 429 RateLimitExceeded */
  issue(purpose: MailPurpose, about?: { readonly email?: string }): Promise<void>
  /** Uses the token up. Checked in any case of letters. @throws XrpcError 400 InvalidToken | 400 ExpiredToken */
  redeem(purpose: MailPurpose, token: string): Promise<InboxRow>
  /** Newest first, expired ones left out. */
  list(): Promise<InboxMessage[]>
  /** No error when it is gone already. */
  dismiss(id: string): Promise<void>
  /** Takes all tokens away: they were sent to an address that is none any more. */
  clear(): Promise<void>
}

export interface InboxOptions {
  readonly store: Store
  readonly now: () => number
  /** Hands a token to the room to be mailed to the owner. @returns whether it went; never rejects */
  readonly mail: (purpose: MailPurpose, token: string) => Promise<boolean>
  /** Told after every change. */
  readonly changed: () => void
}

export const inboxOf = ({ store, now, mail, changed }: InboxOptions): Inbox => ({
  async issue(purpose, about = {}) {
    const at = now()
    const message = {
      id: crypto.randomUUID(),
      purpose,
      token: makeToken().toUpperCase(),
      at,
      expiresAt: at + INBOX_TOKEN_TTL_MS,
      mailed: false,
      failures: 0,
      ...(about.email !== undefined && { email: about.email }),
    }
    let spending: Spending = { spent: [], waitMs: 0 }
    await changeMessage(store, purpose, (older) => {
      spending = spend(older?.asked ?? [], INBOX_LIMITS, at)
      return spending.waitMs > 0 ? 'keep' : { ...message, asked: spending.spent }
    })
    assertAdmitted(spending)
    changed()
    // The client that asked does not wait for a mail server.
    void mail(purpose, message.token).then(async (mailed) => {
      if (!mailed) return
      await changeMessage(store, purpose, (newest) => (newest?.id === message.id ? { ...newest, mailed } : 'keep'))
      changed()
    })
  },

  async redeem(purpose, token) {
    let redeemed: InboxRow | undefined
    let isVoid = false
    let error = 'InvalidToken'
    await changeMessage(store, purpose, (row) => {
      if (!row || row.failures >= MAX_TOKEN_GUESSES) return 'keep'
      if (row.token !== token.trim().toUpperCase()) {
        isVoid = row.failures + 1 >= MAX_TOKEN_GUESSES
        return { ...row, failures: row.failures + 1 }
      }
      if (row.expiresAt <= now()) {
        error = 'ExpiredToken'
        return 'keep'
      }
      redeemed = row
      return 'drop'
    })
    if (redeemed || isVoid) changed()
    if (!redeemed) throw invalidRequest(error === 'ExpiredToken' ? 'Token is expired' : 'Token is invalid', error)
    return redeemed
  },

  async list() {
    const rows = await readMessages(store)
    return rows
      .filter(({ expiresAt, failures }) => expiresAt > now() && failures < MAX_TOKEN_GUESSES)
      .sort((a, b) => b.at - a.at)
      .map(({ id, at, purpose, token, expiresAt, mailed }) => ({ id, at, purpose, token, expiresAt, mailed }))
  },

  async dismiss(id) {
    const row = (await readMessages(store)).find((row) => row.id === id)
    if (!row) return
    await deleteMessage(store, row.purpose)
    changed()
  },

  async clear() {
    for (const { purpose } of await readMessages(store)) await deleteMessage(store, purpose)
    changed()
  },
})
