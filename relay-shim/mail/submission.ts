/**
 * Hands one message to a mail server: greeting, TLS, login, envelope, text.
 * @see https://www.rfc-editor.org/rfc/rfc6409 https://www.rfc-editor.org/rfc/rfc5321
 */
import { MAX_SMTP_REPLY_BYTES, SMTP_DEADLINE_MS } from '../../wire/limits.ts'
import { isLoopback } from '../hostname.ts'
import type { ByteSocket, Connect } from '../port.ts'
import { Refused } from '../refused.ts'
import type { SmtpServer } from './smtp-url.ts'

export interface Message {
  /** Addresses that pass `isMailAddress`. */
  readonly from: string
  readonly to: string
  /** ASCII, lines ended by CRLF. */
  readonly text: string
}

/**
 * Password and code go over TLS, or to this machine.
 * @param helloName how the room names itself
 * @throws Refused MailRefused (the server will not, now or ever) | MailFailed (not now) | MailInsecure
 */
export const submitMessage = async (connect: Connect, server: SmtpServer, message: Message, helloName: string): Promise<void> => {
  const dialogue = new Dialogue(connect({ hostname: server.hostname, port: server.port, tls: server.isTls ? 'on' : 'starttls' }))
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Refused('MailFailed', 'The mail server did not answer in time.')), SMTP_DEADLINE_MS)
  })
  try {
    await Promise.race([converse(dialogue, server, message, helloName), late])
  } finally {
    clearTimeout(timer)
    dialogue.end()
  }
}

const converse = async (dialogue: Dialogue, server: SmtpServer, message: Message, helloName: string): Promise<void> => {
  await dialogue.expect('greeting', 220)
  let offers = await sayHello(dialogue, helloName)
  if (!server.isTls && offers.has('STARTTLS')) {
    await dialogue.ask('STARTTLS', 'STARTTLS', 220)
    dialogue.startTls()
    // What was offered in the open may be anybody's word.
    offers = await sayHello(dialogue, helloName)
  } else if (!server.isTls && !isLoopback(server.hostname))
    throw new Refused('MailInsecure', 'The mail server offers no encryption (STARTTLS): nothing is sent to it.')
  if (server.login) await logIn(dialogue, server.login, offers.get('AUTH') ?? '')
  await dialogue.ask('sender', `MAIL FROM:<${message.from}>`, 250)
  await dialogue.ask('recipient', `RCPT TO:<${message.to}>`, 250, 251)
  await dialogue.ask('DATA', 'DATA', 354)
  await dialogue.ask('message', `${stuffed(message.text)}\r\n.`, 250)
  // It has taken the message: how it says goodbye changes nothing.
  await dialogue.say('QUIT').catch(() => {})
}

/** What the server can do, by keyword. */
const sayHello = async (dialogue: Dialogue, name: string): Promise<ReadonlyMap<string, string>> => {
  const [, ...lines] = await dialogue.ask('EHLO', `EHLO ${name}`, 250)
  return new Map(
    lines.map((line) => {
      const [keyword = '', ...parameters] = line.split(/[ =]/)
      return [keyword.toUpperCase(), parameters.join(' ').toUpperCase()]
    }),
  )
}

/** PLAIN, or LOGIN for servers that know nothing else. @see https://www.rfc-editor.org/rfc/rfc4954 */
const logIn = async (dialogue: Dialogue, { user, password }: NonNullable<SmtpServer['login']>, offered: string): Promise<void> => {
  const mechanisms = offered.split(' ')
  if (mechanisms.includes('PLAIN')) await dialogue.ask('sign-in', `AUTH PLAIN ${base64(`\0${user}\0${password}`)}`, 235)
  else if (mechanisms.includes('LOGIN')) {
    await dialogue.ask('sign-in', 'AUTH LOGIN', 334)
    await dialogue.ask('sign-in', base64(user), 334)
    await dialogue.ask('sign-in', base64(password), 235)
  } else throw new Refused('MailRefused', 'The mail server offers neither of the ways to sign in that this room knows (PLAIN, LOGIN).')
}

/** A line that begins with a dot gets another one. @see https://www.rfc-editor.org/rfc/rfc5321#section-4.5.2 */
const stuffed = (text: string): string => text.replace(/(^|\r\n)\./g, '$1..')

const base64 = (text: string): string => btoa(String.fromCharCode(...new TextEncoder().encode(text)))

/** Commands and replies, one after the other. */
class Dialogue {
  #socket: ByteSocket
  #reader: ReadableStreamDefaultReader<Uint8Array>
  #writer: WritableStreamDefaultWriter<Uint8Array>
  #heard = ''

  constructor(socket: ByteSocket) {
    this.#socket = socket
    this.#reader = socket.readable.getReader()
    this.#writer = socket.writable.getWriter()
  }

  async say(line: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${line}\r\n`)).catch(lost)
  }

  /** Lines of the reply, without their codes. Errors name the step, never the command: it may be the password. @throws Refused MailRefused | MailFailed */
  async ask(step: string, command: string, ...expected: readonly number[]): Promise<readonly string[]> {
    await this.say(command)
    return this.expect(step, ...expected)
  }

  async expect(step: string, ...expected: readonly number[]): Promise<readonly string[]> {
    const lines: string[] = []
    for (;;) {
      const line = await this.#line()
      const [, code = '', separator = '', text = ''] = /^(\d{3})([ -]?)(.*)$/.exec(line) ?? []
      if (code === '') throw new Refused('MailFailed', 'The mail server speaks no SMTP.')
      lines.push(text)
      if (separator === '-') continue
      if (expected.includes(Number(code))) return lines
      throw new Refused(code.startsWith('5') ? 'MailRefused' : 'MailFailed', `The mail server answered ${code} (${step}).`)
    }
  }

  /** @throws Refused MailInsecure */
  startTls(): void {
    // Replies that came before the handshake could have been put in by anyone: https://www.rfc-editor.org/rfc/rfc3207#section-6
    if (this.#heard !== '') throw new Refused('MailInsecure', 'The mail server said more than it was asked before encryption began.')
    this.#reader.releaseLock()
    this.#writer.releaseLock()
    this.#socket = this.#socket.startTls()
    this.#reader = this.#socket.readable.getReader()
    this.#writer = this.#socket.writable.getWriter()
  }

  end(): void {
    this.#socket.close().catch(() => {})
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#heard.indexOf('\n')
      if (end >= 0) {
        const line = this.#heard.slice(0, end).replace(/\r$/, '')
        this.#heard = this.#heard.slice(end + 1)
        return line
      }
      if (this.#heard.length > MAX_SMTP_REPLY_BYTES) throw new Refused('MailFailed', 'The mail server speaks no SMTP.')
      const { value } = await this.#reader.read().catch(lost)
      if (!value) return lost(new Error('closed'))
      // Replies are ASCII, and only their codes and keywords are looked at.
      this.#heard += String.fromCharCode(...value)
    }
  }
}

const lost = (cause: unknown): never => {
  throw new Refused('MailFailed', 'The connection to the mail server could not be made, or broke.', { cause })
}
