/** A `TestTab` on a real socket. */
import { WebSocket } from 'ws'
import { UPLINK_PATH, UPLINK_PROTOCOL } from '../../wire/frames.ts'
import type { RealRoom } from './real-room.ts'
import { newKeys, type TabKeys, TestTab } from './tab.ts'

export interface RealTab {
  readonly tab: TestTab
  readonly socket: WebSocket
}

/** Connected, and heard by nobody yet: `tab.join` comes next. */
export const connectTab = async (
  room: Pick<RealRoom, 'port' | 'host'>,
  host = room.host,
  keys: TabKeys | Promise<TabKeys> = newKeys(),
): Promise<RealTab> => {
  // First: a socket that opened meanwhile would have said so to nobody.
  const ready = await keys
  const socket = new WebSocket(`ws://127.0.0.1:${room.port}${UPLINK_PATH}`, UPLINK_PROTOCOL, { headers: { host } })
  const tab = new TestTab(ready, (bytes) => socket.send(bytes))
  socket.on('message', (data: Buffer) => tab.receive(new Uint8Array(data)))
  socket.on('close', (code, reason) => tab.lost(`closed with ${code} ${reason.toString()}`))
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
  return { tab, socket }
}
