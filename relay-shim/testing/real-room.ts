/** The real room in a runtime of its own, built and started in a directory of its own, so that it disturbs neither `dist` nor another test. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createBuilder } from 'vite'
import { residentBytes } from '../../scripts/processes.ts'
import type { Runtime } from '../../scripts/runtimes.ts'
import { type Shim, startShim } from '../../scripts/shim.ts'

export interface RealRoom {
  readonly port: number
  readonly host: string
  readonly origin: string
  readonly log: () => string
  /** GET as a client of another host name: `fetch` does not let a Host header through. */
  readonly getAs: (host: string, path: string, headers?: Readonly<Record<string, string>>) => Promise<PlainAnswer>
  /** Memory workerd holds now; null where there is no /proc. */
  readonly residentBytes: () => Promise<number | null>
  /** Crashes the runtime and starts it again on the same storage and port: nothing of the room's memory is left. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export interface PlainAnswer {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export const startRealRoom = async (
  runtime: Runtime,
  claimToken: string,
  variables: Readonly<Record<string, string>>,
  inspectorPort?: number,
): Promise<RealRoom> => {
  const directory = await mkdtemp(join(tmpdir(), `tabpod-${runtime}-`))
  await buildRoom(join(directory, 'dist/room'))
  await mkdir(join(directory, 'dist/public/_tabpod'), { recursive: true })
  await mkdir(join(directory, 'dist/public/pages'))
  await writeFile(join(directory, 'dist/public/pages/owner.html'), '<!doctype html><title>page</title>')
  await writeFile(join(directory, 'dist/public/_tabpod/worker.js'), '// worker')
  const lines: string[] = []
  const clear = (): Promise<void> => rm(directory, { recursive: true, force: true, maxRetries: 5 })
  const start = (port: number): Promise<Shim> =>
    startShim({
      runtime,
      built: directory,
      port,
      persist: join(directory, 'persist'),
      claimToken,
      // Tests make up the host names that they need.
      variables: { TABPOD_HOSTS: '*', ...variables },
      ...(inspectorPort !== undefined && { inspectorPort }),
      onLine: (line) => lines.push(line),
    })
  try {
    let shim = await start(0)
    return {
      port: shim.port,
      host: `localhost:${shim.port}`,
      origin: shim.url,
      log: () => lines.join('\n'),
      getAs: (host, path, headers = {}) => getAs(shim.port, path, { host, ...headers }),
      residentBytes: async () => residentBytes(shim.group, 'workerd'),
      restart: async () => {
        await shim.kill()
        shim = await start(shim.port)
      },
      stop: async () => {
        await shim.kill()
        await clear()
      },
    }
  } catch (cause) {
    await clear()
    throw cause
  }
}

const getAs = (port: number, path: string, headers: Readonly<Record<string, string>>): Promise<PlainAnswer> =>
  new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers }, (response) => {
      const pieces: Buffer[] = []
      response.on('data', (piece: Buffer) => pieces.push(piece))
      response.on('end', () => resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }))
    })
      .on('error', reject)
      .end()
  })

const buildRoom = async (outDir: string): Promise<void> => {
  const configFile = fileURLToPath(new URL('../../vite.config.ts', import.meta.url))
  const builder = await createBuilder({ configFile, logLevel: 'error' })
  const room = builder.environments['room']
  if (!room) throw new Error('no build environment named room')
  room.config.build.outDir = outDir
  await builder.build(room)
}
