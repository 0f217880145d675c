/** A relay that notes who asked it to crawl, and tells of a host what it was told to tell. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeRelay {
  readonly url: string
  /** Host names, in the order in which they asked. */
  readonly asked: string[]
  /** Host names whose status somebody wanted. */
  readonly looks: string[]
  /** What it answers a request to crawl with. */
  crawl: { status: number; body?: object }
  /** What it answers a look with. */
  look: { status: number; body?: object }
  /** It answers nothing until this has come. */
  patience: Promise<void>
  stop(): Promise<void>
}

const NOT_FOUND = { status: 404, body: { error: 'HostNotFound', message: 'host not found' } }

export const startFakeRelay = async (): Promise<FakeRelay> => {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (piece: Buffer) => chunks.push(piece))
    request.on('end', async () => {
      const { pathname, searchParams } = new URL(request.url ?? '', relay.url)
      await relay.patience
      const { status, body } = answerTo(`${request.method} ${pathname}`, searchParams, Buffer.concat(chunks).toString())
      response.writeHead(status, { 'content-type': 'application/json' }).end(body && JSON.stringify(body))
    })
  })
  const answerTo = (what: string, params: URLSearchParams, text: string): { status: number; body?: object } => {
    if (what === 'POST /xrpc/com.atproto.sync.requestCrawl') {
      relay.asked.push((JSON.parse(text) as { hostname: string }).hostname)
      return relay.crawl
    }
    if (what !== 'GET /xrpc/com.atproto.sync.getHostStatus') return { status: 501 }
    relay.looks.push(params.get('hostname') ?? '')
    return relay.look
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const relay: FakeRelay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    looks: [],
    crawl: { status: 200 },
    look: NOT_FOUND,
    patience: Promise.resolve(),
    stop: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
  return relay
}
