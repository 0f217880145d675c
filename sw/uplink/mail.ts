/** Tokens for the owner, mailed by the room where its operator set it up. Lives as long as the worker; attached to whichever connection is up. */
import type { FrameOf, MailPurpose, RoomFrame } from '../../wire/frames.ts'
import { MAIL_DEADLINE_MS } from '../../wire/limits.ts'
import type { SendFrame } from './contract.ts'

export class Mail {
  #send: SendFrame | undefined
  #lastId = 0
  readonly #waiting = new Map<number, (isSent: boolean) => void>()

  /** Whether the mail server took it. Never rejects: the owner finds the token in the app all the same. */
  readonly deliver = async (to: string, purpose: MailPurpose, token: string): Promise<boolean> => {
    const send = this.#send
    if (!send) return false
    const id = ++this.#lastId
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      setTimeout(() => this.#settle(id, false), MAIL_DEADLINE_MS)
      send({ t: 'mail', id, to, purpose, token })
    })
  }

  /** @param isAble whether this room sends mail */
  attach(send: SendFrame, isAble: boolean): void {
    this.detach()
    this.#send = isAble ? send : undefined
  }

  detach(): void {
    this.#send = undefined
    for (const id of this.#waiting.keys()) this.#settle(id, false)
  }

  answered({ id, error, message }: FrameOf<RoomFrame, 'mailed'>): void {
    if (error !== undefined) console.warn(`tabpod: a mail to the owner could not be sent: ${error}: ${message ?? ''}`)
    this.#settle(id, error === undefined)
  }

  #settle(id: number, isSent: boolean): void {
    this.#waiting.get(id)?.(isSent)
    this.#waiting.delete(id)
  }
}
