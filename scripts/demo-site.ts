/** The demo relying party (`demo/`) as a site on this machine. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { build } from 'vite'
import { CLIENT_DOCUMENT, clientDocument } from '../demo/client.ts'
import { root } from './root.ts'

/** Not `localhost`: pods on this machine live there, and to a browser that would be the same site. It is also what programs on a machine call themselves to AT Protocol servers. */
const HOST = '127.0.0.1'
const built = join(root, 'dist/demo')

/** @param address where the files will be; null: on this machine, where no document says who the site is. @returns `directory` */
export const buildDemo = async (address: string | null, directory = built): Promise<string> => {
  await build({ configFile: join(root, 'demo/vite.config.ts'), logLevel: 'error', build: { outDir: directory } })
  if (address !== null) writeFileSync(join(directory, CLIENT_DOCUMENT), `${JSON.stringify(clientDocument(address), null, 2)}\n`)
  return directory
}

export interface DemoSite {
  readonly url: string
  stop(): Promise<void>
}

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' }

/** @param port 0: any. @throws Error with `code` EADDRINUSE */
export const serveDemo = async (port: number): Promise<DemoSite> => {
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, `http://${HOST}`)
    const name = pathname === '/' ? 'index.html' : /^\/(assets\/[\w.-]+)$/.exec(pathname)?.[1]
    const type = TYPES[extname(name ?? '')]
    try {
      if (name === undefined || type === undefined) throw new Error('no such file')
      response.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache' }).end(readFileSync(join(built, name)))
    } catch {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('There is nothing at this address.\n')
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, HOST, resolve)
  })
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://${HOST}:${(server.address() as AddressInfo).port}/`, stop }
}
