/** One of the two servers that are compared, with what the script has learned of it on the way. */
import type { InboxMessage } from '../../../wire/owner.ts'
import { type Answer, readAnswer } from './answer.ts'
import type { Call } from './call.ts'

export interface Account {
  readonly url: string
  readonly did: string
  readonly handle: string
  readonly password: string
}

/** What a mail that the script waits for is about, in the words of our inbox. */
export type MailPurpose = InboxMessage['purpose']

export class Side {
  readonly account: Account
  readonly #readMail: (purpose: MailPurpose) => Promise<string>
  /** What calls keep for later ones, by name: tokens, CIDs, record keys. */
  readonly #kept = new Map<string, string>()

  /** @param readMail the token of the newest mail of this kind */
  constructor(account: Account, readMail: (purpose: MailPurpose) => Promise<string>) {
    this.account = account
    this.#readMail = readMail
  }

  /** Something that nobody has, where the call that should have kept it failed. */
  kept(name: string): string {
    return this.#kept.get(name) ?? `no-${name}`
  }

  async send(call: Call): Promise<Answer> {
    const { method, as, mail } = call
    if (mail) this.#kept.set('mail', await this.#readMail(mail))
    const body = call.body?.(this)
    const init: RequestInit = {
      method,
      headers: { ...(as !== 'nobody' && { authorization: `Bearer ${this.kept(as)}` }), ...call.headers?.(this) },
      redirect: 'manual',
      ...(body !== undefined && { body }),
    }
    const answer = await readAnswer(await this.#fetch(call.path(this), init))
    for (const [name, path] of Object.entries(call.keep)) {
      const value = path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], answer.json)
      if (typeof value === 'string') this.#kept.set(name, value)
    }
    return answer
  }

  /** Whoever refuses a body before its end may close the connection while it is still sent, and the answer is lost: that is asked again. */
  async #fetch(path: string, init: RequestInit): Promise<Response> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await fetch(this.account.url + path, init)
      } catch (cause) {
        if (attempt === MAX_ATTEMPTS) throw cause
      }
    }
  }
}

const MAX_ATTEMPTS = 5
