import { connect as tcp } from 'node:net'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { MAIL_WINDOW_MS, MAX_MAILS_PER_WINDOW, MAX_SMTP_REPLY_BYTES, SMTP_DEADLINE_MS } from '../../wire/limits.ts'
import type { ByteSocket, Connect } from '../port.ts'
import { Refused } from '../refused.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { startSmtpSink, type SmtpSink } from '../testing/smtp-sink.ts'
import { Mailer } from './mailer.ts'
import { readSmtpServer, type SmtpServer } from './smtp-url.ts'

let sink: SmtpSink
let port: MemoryPort
let tls: string[]

/** Node's sockets; the handshake is noted and left out. */
const connect: Connect = ({ hostname, port: to, tls: when }) => {
  tls.push(when)
  const { readable, writable } = Duplex.toWeb(tcp(to, '127.0.0.1'))
  const socket = {
    readable: readable as ReadableStream<Uint8Array>,
    writable: writable as WritableStream<Uint8Array>,
    startTls: (): ByteSocket => (tls.push(`handshake with ${hostname}`), socket),
    close: async () => {},
  }
  return socket
}

beforeEach(async () => {
  sink = await startSmtpSink()
  tls = []
})
afterEach(() => {
  sink.stop()
  vi.useRealTimers()
})

const mailer = (server: Partial<SmtpServer> = {}): Mailer => {
  const smtp = { hostname: 'localhost', port: sink.port, isTls: false, login: null, from: 'pod@shim.example', ...server }
  port = new MemoryPort({ host: 'alice.shim.example', settings: { smtp } })
  port.connect = connect
  return new Mailer(port)
}
const MAIL = { to: 'alice@home.example', purpose: 'reset-password', token: 'ABCDE-FGHIJ' } as const
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no error',
    (cause: unknown) => (cause instanceof Refused ? cause.error : `not refused: ${String(cause)}`),
  )

describe('a letter', () => {
  test.each([
    ['confirm-email', 'Confirm your e-mail address for alice.shim.example'],
    ['update-email', 'Change the e-mail address of alice.shim.example'],
    ['reset-password', 'A new password for alice.shim.example'],
    ['plc-operation', 'A change of the identity of alice.shim.example'],
    ['delete-account', 'Delete the account at alice.shim.example'],
  ] as const)('about %s says in its subject: %s', async (purpose, subject) => {
    await mailer().send({ ...MAIL, purpose })
    const [head = '', body = ''] = sink.messages[0]!.split('\r\n\r\n')
    expect(head.split('\r\n')).toEqual(
      expect.arrayContaining(['From: <pod@shim.example>', 'To: <alice@home.example>', `Subject: ${subject}`]),
    )
    expect(body).toContain('https://alice.shim.example')
    expect(sink.messages[0]).toContain('ABCDE-FGHIJ')
    for (const line of sink.messages[0]!.split('\r\n')) expect(line.length).toBeLessThan(79)
  })

  test('goes from greeting to goodbye in the order of the protocol', async () => {
    await mailer({ login: { user: 'u@x', password: 'p' } }).send(MAIL)
    await vi.waitFor(() =>
      expect(sink.commands).toEqual([
        'EHLO alice.shim.example',
        `AUTH PLAIN ${btoa('\0u@x\0p')}`,
        'MAIL FROM:<pod@shim.example>',
        'RCPT TO:<alice@home.example>',
        'DATA',
        'QUIT',
      ]),
    )
  })

  test.each([
    'alice',
    'alice@',
    '@home.example',
    'alice@home..example',
    'alice@home.example\r\nBcc: bob@home.example',
    'alice@home.example>\r\nRCPT TO:<bob@home.example',
    'alice @home.example',
    '"alice"@home.example',
    'älice@home.example',
    `${'a'.repeat(65)}@home.example`,
    `alice@${'a.'.repeat(130)}example`,
  ])('to %j is BadAddress, and nobody is connected to', async (to) => {
    expect(await codeOf(mailer().send({ ...MAIL, to }))).toBe('BadAddress')
    expect(tls).toEqual([])
  })

  test.each(['', 'Buy this now', 'A\r\n.\r\nMAIL FROM:<x@y>', 'https://evil.example'])('with %j for a code is BadToken', async (token) => {
    expect(await codeOf(mailer().send({ ...MAIL, token }))).toBe('BadToken')
    expect(tls).toEqual([])
  })
})

describe('the mail server', () => {
  test('gets nothing before encryption, if it is not this machine', async () => {
    sink.replies.set('EHLO', '250-sink\r\n250 STARTTLS')
    await mailer({ hostname: 'mail.example' }).send(MAIL)
    expect(tls).toEqual(['starttls', 'handshake with mail.example'])
    expect(sink.commands.slice(0, 3)).toEqual(['EHLO alice.shim.example', 'STARTTLS', 'EHLO alice.shim.example'])
    await vi.waitFor(() => expect(sink.commands).toContain('QUIT'))
    sink.replies.delete('EHLO')
    sink.commands.length = 0
    expect(await codeOf(mailer({ hostname: 'mail.example', login: { user: 'u', password: 'p' } }).send(MAIL))).toBe('MailInsecure')
    expect(sink.commands).toEqual(['EHLO alice.shim.example'])
  })

  test('is not believed what it says in the open after it agreed to encrypt', async () => {
    sink.replies.set('EHLO', '250-sink\r\n250 STARTTLS')
    sink.replies.set('STARTTLS', '220 go on\r\n250 AUTH PLAIN')
    expect(await codeOf(mailer({ hostname: 'mail.example' }).send(MAIL))).toBe('MailInsecure')
    expect(sink.commands).toEqual(['EHLO alice.shim.example', 'STARTTLS'])
  })

  test('is spoken to encrypted from the start with smtps', async () => {
    await mailer({ hostname: 'mail.example', isTls: true }).send(MAIL)
    expect(tls).toEqual(['on'])
  })

  test('may know no other way to sign in than LOGIN', async () => {
    sink.replies.set('EHLO', '250-sink\r\n250 AUTH LOGIN')
    sink.replies.set('AUTH', '334 VXNlcm5hbWU6')
    const [user, password] = [btoa('u'), btoa('pä'.replace('ä', '\xC3\xA4'))]
    sink.replies.set(user, '334 UGFzc3dvcmQ6')
    sink.replies.set(password, '235 welcome')
    await mailer({ login: { user: 'u', password: 'pä' } }).send(MAIL)
    expect(sink.commands).toEqual(expect.arrayContaining(['AUTH LOGIN', user, password]))
  })

  test.each([
    ['greeting', '554 no', 'MailRefused'],
    ['EHLO', '250 8BITMIME', 'MailRefused'],
    ['AUTH', '535 wrong password', 'MailRefused'],
    ['MAIL', '451 later', 'MailFailed'],
    ['RCPT', '550 nobody here', 'MailRefused'],
    ['DATA', '554 no', 'MailRefused'],
    ['message', '554 spam', 'MailRefused'],
    ['greeting', 'HTTP/1.1 400 Bad Request', 'MailFailed'],
    ['greeting', 'x'.repeat(MAX_SMTP_REPLY_BYTES + 1), 'MailFailed'],
    ['RCPT', '', 'MailFailed'],
  ])('that answers %s with %s is told of by its code, and nothing of the password', async (word, text, error) => {
    sink.replies.set(word, text)
    const sent = mailer({ login: { user: 'user', password: 'secret' } }).send(MAIL)
    expect(await codeOf(sent)).toBe(error)
    const message = await sent.catch((cause: unknown) => String(cause))
    for (const secret of ['secret', btoa('secret'), btoa('\0user\0secret'), 'wrong password']) expect(message).not.toContain(secret)
  })

  test('that is not there is MailFailed', async () => {
    const sending = mailer()
    sink.stop()
    expect(await codeOf(sending.send(MAIL))).toBe('MailFailed')
  })

  test('that keeps silent is given up', async () => {
    sink.replies.set('EHLO', null)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const code = codeOf(mailer().send(MAIL))
    await vi.waitFor(() => expect(sink.commands).toHaveLength(1))
    vi.advanceTimersByTime(SMTP_DEADLINE_MS)
    expect(await code).toBe('MailFailed')
  })
})

describe('so much an hour', () => {
  test('is sent for one pod, also when its room slept', async () => {
    sink.replies.set('greeting', '554 no')
    const sending = mailer()
    for (let n = 0; n < MAX_MAILS_PER_WINDOW - 1; n += 1) expect(await codeOf(sending.send(MAIL))).toBe('MailRefused')
    const woken = new Mailer(port)
    expect(await Promise.all([codeOf(woken.send(MAIL)), codeOf(woken.send(MAIL))])).toEqual(['MailRefused', 'TooManyMails'])
    port.clockOffsetMs = MAIL_WINDOW_MS + 1000
    expect(await codeOf(woken.send(MAIL))).toBe('MailRefused')
  })

  test('nothing is sent where no mail server was named', async () => {
    expect(await codeOf(new Mailer(new MemoryPort()).send(MAIL))).toBe('MailNotOffered')
  })
})

describe('TABPOD_SMTP_URL', () => {
  const FROM = 'pod@shim.example'
  test.each([
    ['smtp://mail.example', { hostname: 'mail.example', port: 587, isTls: false, login: null, from: FROM }],
    ['smtps://Mail.example/', { hostname: 'mail.example', port: 465, isTls: true, login: null, from: FROM }],
    [
      'smtps://user%40x:p%2F%25%3A%C3%A4@mail.example:2465/',
      { hostname: 'mail.example', port: 2465, isTls: true, login: { user: 'user@x', password: 'p/%:ä' }, from: FROM },
    ],
  ])('%s is understood', (url, server) => {
    const mistakes: string[] = []
    expect(readSmtpServer(url, FROM, mistakes)).toEqual(server)
    expect(mistakes).toEqual([])
  })

  test.each([
    ['secret', FROM],
    ['https://u:secret@mail.example', FROM],
    ['smtp://', FROM],
    ['smtp://u:secret@mail.example/path', FROM],
    ['smtp://u:secret@mail.example?x', FROM],
    ['smtp://u:secret#@mail.example', FROM],
    ['smtp://secret@mail.example', FROM],
    ['smtp://u:secret%zz@mail.example', FROM],
    ['smtp://u:secret@mail.example', null],
    ['smtp://u:secret@mail.example', 'nobody'],
    [null, FROM],
  ])('%s from %s is one mistake, and quotes no password', (url, from) => {
    const mistakes: string[] = []
    readSmtpServer(url, from, mistakes)
    expect(mistakes).toHaveLength(1)
    expect(mistakes[0]).not.toContain('secret')
  })
})
