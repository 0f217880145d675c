/** `npm run demo:rp [-- --port N | --build https://its.address/]`: a relying party to try a pod with (`demo/`), on this machine, or as files for a web server. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { build } from 'vite'
import { CLIENT_DOCUMENT, clientDocument } from '../demo/client.ts'
import { readArguments, readPort } from './arguments.ts'
import { beforeEnd, end, run, Usage } from './ending.ts'
import { root } from './root.ts'

/** Not `localhost`: pods on this machine live there, and to a browser that would be the same site. It is also what programs on a machine call themselves to AT Protocol servers. */
const HOST = '127.0.0.1'
const DEFAULT_PORT = 5180
const built = join(root, 'dist/demo')

run(async () => {
  const { port = String(DEFAULT_PORT), build: address } = readArguments({ port: 'string', build: 'string' })
  const wanted = readPort(port)
  const published = address === undefined ? null : readAddress(address)
  await build({ configFile: join(root, 'demo/vite.config.ts'), logLevel: 'error' })
  if (published !== null) {
    writeFileSync(join(built, CLIENT_DOCUMENT), `${JSON.stringify(clientDocument(published), null, 2)}\n`)
    process.stdout.write(`The files are in dist/demo: put them at ${published}\n`)
    await end(0)
  }
  const { url, stop } = await serve(wanted)
  beforeEnd(stop)
  process.stdout.write(`
  The demo relying party is at  ${url}

  It wants a pod to sign in with: npm start in another terminal gives you one.
  Ctrl-C stops it.

`)
  await new Promise(() => {})
})

/** @throws Usage */
const readAddress = (text: string): string => {
  const url = URL.parse(text)
  if (url?.protocol !== 'https:' || !url.pathname.endsWith('/') || url.search !== '' || url.hash !== '')
    throw new Usage(`--build must be the https address of a directory, with a slash at its end, not "${text}".`)
  return url.href
}

const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' }

const serve = async (port: number): Promise<{ readonly url: string; stop(): Promise<void> }> => {
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
    server.once('error', (cause: NodeJS.ErrnoException) =>
      reject(cause.code === 'EADDRINUSE' ? new Error(`Port ${port} is taken; another one: npm run demo:rp -- --port ${port + 1}`) : cause),
    )
    server.listen(port, HOST, resolve)
  })
  const stop = async (): Promise<void> => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://${HOST}:${(server.address() as AddressInfo).port}/`, stop }
}
