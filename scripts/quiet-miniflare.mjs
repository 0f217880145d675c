/**
 * miniflare as partykit should start it. As it stands, every request makes a second one, to print a line, and a debugger that nobody looks at is told
 * of every request and every byte of its answer, as base64 JSON. Together that took as much processor time as the room itself. And it listens for the
 * whole network, where anybody could go past the proxy in front.
 */
import { createRequire } from 'node:module'

/** argv[1] is partykit's program: its miniflare is meant. */
const miniflare = createRequire(process.argv[1])('miniflare')
/** Only for what measures a room's memory. */
const inspectorPort = process.env.TABPOD_INSPECTOR_PORT ? Number(process.env.TABPOD_INSPECTOR_PORT) : undefined
const quiet = (options) => ({ ...options, host: '127.0.0.1', inspectorPort, log: new miniflare.Log(miniflare.LogLevel.WARN) })

export const { Log, TypedEventTarget } = miniflare

export class Miniflare extends miniflare.Miniflare {
  constructor(options) {
    super(quiet(options))
  }

  setOptions(options) {
    return super.setOptions(quiet(options))
  }
}
