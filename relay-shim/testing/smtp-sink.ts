/** A mail server that takes everything, on a port of this machine, and remembers what it was told. STARTTLS is a word to it: what follows stays in the open. */
import { createServer, type Socket } from 'node:net'

export interface SmtpSink {
  readonly port: number
  /** Commands as they came, the message left out. */
  readonly commands: string[]
  /** Messages as they came, dots and all. */
  readonly messages: string[]
  /** Answers in place of the usual ones, by the first word of the command; `greeting` before all. An empty one hangs up, null keeps silent. */
  readonly replies: Map<string, string | null>
  stop(): void
}

const USUAL: Readonly<Record<string, string>> = {
  greeting: '220 sink',
  EHLO: '250-sink\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN',
  STARTTLS: '220 go on',
  AUTH: '235 welcome',
  DATA: '354 go on',
  QUIT: '221 bye',
}

export const startSmtpSink = async (): Promise<SmtpSink> => {
  const commands: string[] = []
  const messages: string[] = []
  const replies = new Map<string, string | null>()
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let heard = ''
    let isMessage = false
    const reply = (word: string): void => {
      const text = replies.has(word) ? replies.get(word) : (USUAL[word] ?? '250 ok')
      if (text === '') socket.destroy()
      else if (text !== null) socket.write(`${text}\r\n`)
    }
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      heard += bytes.toString('latin1')
      for (;;) {
        const end = heard.indexOf(isMessage ? '\r\n.\r\n' : '\r\n')
        if (end < 0) return
        const said = heard.slice(0, end)
        heard = heard.slice(end + (isMessage ? 5 : 2))
        if (isMessage) messages.push(said)
        else commands.push(said)
        const word = isMessage ? 'message' : (said.split(' ')[0] ?? '')
        isMessage = word === 'DATA' && !replies.has('DATA')
        reply(word)
      }
    })
    reply('greeting')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    commands,
    messages,
    replies,
    stop: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
