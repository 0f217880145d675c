/** Both runtimes with the real room in them, and a tab that remembers what it was asked: the ground of every attack in this folder. */
import { type RealRoom, startRealRoom } from '../testing/real-room.ts'
import { exchange, type RawAnswer } from '../testing/raw-client.ts'
import { connectTab, type RealTab } from '../testing/real-tab.ts'
import type { RequestFrame, TestTab } from '../testing/tab.ts'

export const CLAIM_TOKEN = 'a-token-of-many-characters'
export const RUNTIMES = ['partykit', 'wrangler'] as const

export interface Stage extends RealTab {
  readonly room: RealRoom
  readonly host: string
  /** What reached the tab, oldest first. */
  readonly asked: RequestFrame[]
  /** What the tab says to a request; a line of text where it is not set. */
  answer: (frame: RequestFrame, tab: TestTab) => void
  /** Says these bytes on a connection of their own; null: no answer came. */
  say(text: string | Uint8Array): Promise<RawAnswer | null>
  /** The requests that the tab gets while `work` runs. */
  askedBy(work: () => Promise<unknown>): Promise<readonly RequestFrame[]>
  stop(): Promise<void>
}

export const setStage = async (runtime: (typeof RUNTIMES)[number], variables: Readonly<Record<string, string>> = {}): Promise<Stage> => {
  const room = await startRealRoom(runtime, CLAIM_TOKEN, variables)
  const { tab, socket } = await connectTab(room)
  const asked: RequestFrame[] = []
  const stage: Stage = {
    room,
    tab,
    socket,
    host: room.host,
    asked,
    answer: ({ id, path }) => tab.answer(id, `tab: ${path.slice(0, 100)}`),
    say: (text) => exchange(room.port, text),
    askedBy: async (work) => {
      const before = asked.length
      await work()
      // A request of our own: what came before it has reached the tab.
      await fetch(`${room.origin}/xrpc/after`)
      return asked.slice(before).filter(({ path }) => path !== '/xrpc/after')
    },
    stop: async () => {
      socket.terminate()
      await room.stop()
    },
  }
  tab.onRequest = (frame) => {
    asked.push(frame)
    stage.answer(frame, tab)
  }
  await tab.join({ claim: CLAIM_TOKEN })
  for (let online = false; !online;) online = ((await (await fetch(`${room.origin}/health`)).json()) as { online: boolean }).online
  return stage
}

/** A request line and headers, nothing tidied up. */
export const requestText = (host: string, line: string, headers: readonly string[] = [], body = ''): string =>
  [`${line} HTTP/1.1`, `Host: ${host}`, ...headers, '', body].join('\r\n')
