/** Mail to the owner of a pod, through the operator's mail server, so much an hour. */
import type { FrameOf, TabFrame } from '../../wire/frames.ts'
import { MAIL_WINDOW_MS, MAX_MAILS_PER_WINDOW } from '../../wire/limits.ts'
import type { RoomPort } from '../port.ts'
import { Refused } from '../refused.ts'
import { composeLetter, isMailAddress } from './letter.ts'
import { submitMessage } from './submission.ts'

/** When mail was sent lately, in ms: a room that slept must not begin anew. */
const MAILS_KEY = 'mails'

export class Mailer {
  readonly #port: RoomPort
  /** Oldest first; read at the first mail. */
  #lately: Promise<number[]> | null = null

  constructor(port: RoomPort) {
    this.#port = port
  }

  /** Resolves when the mail server has taken it. @throws Refused MailNotOffered | BadAddress | BadToken | TooManyMails | MailRefused | MailFailed | MailInsecure */
  async send({ to, purpose, token }: Omit<FrameOf<TabFrame, 'mail'>, 't' | 'id'>): Promise<void> {
    const { settings, host, origin, connect } = this.#port
    const server = settings.smtp
    if (!server) throw new Refused('MailNotOffered', 'This shim sends no mail: its operator named no mail server (TABPOD_SMTP_URL).')
    if (!isMailAddress(to)) throw new Refused('BadAddress', 'This is not an e-mail address.')
    // What stands in the mail is the room's own words: nobody gets to write to others in its name.
    if (!/^[\w-]+$/.test(token)) throw new Refused('BadToken', 'A code has letters, digits and hyphens only.')
    const at = this.#port.now()
    await this.#count(at)
    const text = composeLetter({ from: server.from, to, purpose, token, host, origin, at })
    const helloName = host.replace(/:\d+$/, '')
    await submitMessage(connect, server, { from: server.from, to, text }, helloName)
  }

  /** Tries count, too: each is a connection to somebody's server. @throws Refused TooManyMails */
  async #count(now: number): Promise<void> {
    const { storage } = this.#port
    this.#lately ??= storage.get<number[]>(MAILS_KEY).then((stored) => stored ?? [])
    const lately = await this.#lately
    while (lately[0] !== undefined && lately[0] <= now - MAIL_WINDOW_MS) lately.shift()
    if (lately.length >= MAX_MAILS_PER_WINDOW)
      throw new Refused('TooManyMails', `At most ${MAX_MAILS_PER_WINDOW} mails an hour are sent for one pod.`)
    lately.push(now)
    await storage.put({ [MAILS_KEY]: [...lately] })
  }
}
