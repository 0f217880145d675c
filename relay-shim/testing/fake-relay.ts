/** A relay that notes who asked it to crawl. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface FakeRelay {
  readonly url: string
  /** Host names, in the order in which they asked. */
  readonly asked: string[]
  /** What it answers with. */
  status: number
  stop(): Promise<void>
}

export const startFakeRelay = async (): Promise<FakeRelay> => {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (piece: Buffer) => (body += piece.toString()))
    request.on('end', () => {
      if (request.url === '/xrpc/com.atproto.sync.requestCrawl' && request.method === 'POST')
        relay.asked.push((JSON.parse(body) as { hostname: string }).hostname)
      response.writeHead(relay.status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const relay: FakeRelay = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked: [],
    status: 200,
    stop: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  }
  return relay
}
