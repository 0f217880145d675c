import { connect } from 'node:net'
import { expect } from 'playwright/test'
import { STATUS_PATH } from '../../wire/frames.ts'
import { Room, test } from '../fixtures/room.ts'

test.use({ name: 'shim' })

/** Node's debugger's; partykit, left to itself, offers one of its own there, to the whole network. */
const DEBUGGER_PORT = 9229

test('two shims that start in the same moment both come up, and neither offers a debugger or an address beyond this machine', async ({
  runtime,
}) => {
  const someoneDebugs = await answers('127.0.0.1', DEBUGGER_PORT)
  const rooms = [1, 2].map((n) => new Room(`shim-${n}`, 'token', {}, runtime))
  try {
    await Promise.all(rooms.map((room) => room.start()))
    for (const room of rooms) {
      expect((await room.request(STATUS_PATH)).status).toBe(200)
      const port = Number(new URL(room.url).port)
      expect(await answers('127.0.0.1', port)).toBe(true)
      // Whatever listens on all addresses has this one, too.
      expect(await answers('127.0.0.2', port)).toBe(false)
    }
    if (!someoneDebugs) expect(await answers('127.0.0.1', DEBUGGER_PORT)).toBe(false)
  } finally {
    for (const room of rooms) await room.end()
  }
})

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 2_000 })
    const end = (answered: boolean) => () => {
      socket.destroy()
      resolve(answered)
    }
    socket.once('connect', end(true)).once('error', end(false)).once('timeout', end(false))
  })
