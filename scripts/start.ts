/** `npm start [-- --port N] [--plc URL] [--runtime partykit|wrangler]`: builds, starts the shim, prints the address, opens it where there is a display, runs until it is told to stop. */
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readArguments, readPlcUrl, readPort } from './arguments.ts'
import { build } from './build.ts'
import { beforeEnd, run } from './ending.ts'
import { root } from './root.ts'
import { readRuntime, usualRuntime } from './runtimes.ts'
import { DEFAULT_PORT, newClaimToken, roomVariables, startShim } from './shim.ts'

const state = join(root, '.tabpod')

/** The same after a restart, so that the printed address keeps working. Whoever reads it may claim a free room: for the owner's eyes only. */
const keptClaimToken = (): string => {
  const file = join(state, 'claim-token')
  mkdirSync(state, { recursive: true, mode: 0o700 })
  if (!existsSync(file)) writeFileSync(file, `${newClaimToken()}\n`, { mode: 0o600 })
  chmodSync(file, 0o600)
  return readFileSync(file, 'utf8').trim()
}

const hasDisplay = (): boolean => {
  if (process.env['CI'] || process.env['BROWSER'] === 'none' || !process.stdout.isTTY) return false
  return process.platform === 'darwin' || Boolean(process.env['DISPLAY'] ?? process.env['WAYLAND_DISPLAY'])
}

const openInBrowser = (url: string): void => {
  const opener = spawn(process.platform === 'darwin' ? 'open' : 'xdg-open', [url], { detached: true, stdio: 'ignore' })
  // No opener is no failure: the address is printed.
  opener.on('error', () => {})
  opener.unref()
}

run(async () => {
  const { port: portFlag, plc, runtime } = readArguments({ port: 'string', plc: 'string', runtime: 'string' })
  const port = portFlag === undefined ? readPort(process.env['PORT'] || String(DEFAULT_PORT), 'PORT') : readPort(portFlag)
  const variables = { ...roomVariables(), ...(plc !== undefined && { TABPOD_PLC_URL: readPlcUrl(plc) }) }
  const chosen = runtime === undefined ? usualRuntime() : readRuntime(runtime)
  process.stdout.write('tabpod: building …\n')
  build({ quiet: true })
  const shim = await startShim({
    runtime: chosen,
    port,
    persist: join(state, 'room'),
    claimToken: process.env['TABPOD_CLAIM_TOKEN'] || keptClaimToken(),
    variables,
  })
  beforeEnd(shim.stop)
  process.stdout.write(`
  tabpod is at  ${shim.claimUrl}

  Open it in the browser that shall be your PDS and keep the tab open.
  The part after # lets one browser claim this address: keep it to yourself.
  Ctrl-C stops it.

`)
  if (hasDisplay()) openInBrowser(shim.claimUrl)
  throw new Error(`The shim ended by itself:\n${await shim.ended}`)
})
