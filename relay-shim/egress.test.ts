import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { EGRESS_BODY_BYTES } from '../wire/limits.ts'
import { admitUrl, Egress } from './egress.ts'
import { Refused } from './refused.ts'

const codeOf = (url: string, allowLoopback = false): string => {
  try {
    admitUrl(url, allowLoopback)
    return 'admitted'
  } catch (cause) {
    return cause instanceof Refused ? cause.error : String(cause)
  }
}

describe('addresses', () => {
  test.each([
    ['https://bsky.social/oauth/client-metadata.json', 'admitted'],
    ['https://8.8.8.8/', 'admitted'],
    ['http://bsky.social/', 'InsecureUrl'],
    ['ftp://bsky.social/', 'InsecureUrl'],
    ['file:///etc/passwd', 'InsecureUrl'],
    ['not a url', 'BadUrl'],
    ['https://user:secret@bsky.social/', 'BadUrl'],
    ['https://localhost/', 'PrivateAddress'],
    ['https://pod.localhost/', 'PrivateAddress'],
    ['https://router/', 'PrivateAddress'],
    ['https://printer.local./', 'PrivateAddress'],
    ['https://127.0.0.1/', 'PrivateAddress'],
    ['https://2130706433/', 'PrivateAddress'],
    ['https://0x7f.1/', 'PrivateAddress'],
    ['https://10.1.2.3/', 'PrivateAddress'],
    ['https://172.31.255.255/', 'PrivateAddress'],
    ['https://172.32.0.1/', 'admitted'],
    ['https://192.168.0.1/', 'PrivateAddress'],
    ['https://169.254.169.254/latest/meta-data', 'PrivateAddress'],
    ['https://100.64.0.1/', 'PrivateAddress'],
    ['https://255.255.255.255/', 'PrivateAddress'],
    ['https://[::1]/', 'PrivateAddress'],
    ['https://[::ffff:10.0.0.1]/', 'PrivateAddress'],
    ['https://[fe80::1]/', 'PrivateAddress'],
  ])('%s is %s', (url, outcome) => expect(codeOf(url)).toBe(outcome))

  test('development allows plain http to this machine, and only to this machine', () => {
    expect(codeOf('http://localhost:2583/xrpc/x', true)).toBe('admitted')
    expect(codeOf('http://127.0.0.1:2583/', true)).toBe('admitted')
    expect(codeOf('http://10.0.0.1/', true)).toBe('InsecureUrl')
    expect(codeOf('https://10.0.0.1/', true)).toBe('PrivateAddress')
  })
})

describe('answers', () => {
  let server: Server
  let origin: string
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/moved') return response.writeHead(302, { location: 'http://169.254.169.254/' }).end()
      if (request.url === '/large') return response.end(Buffer.alloc(EGRESS_BODY_BYTES + 1))
      response.writeHead(200, { 'content-type': 'application/json', 'set-cookie': 'a=b' }).end(JSON.stringify(request.headers))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    origin = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`
  })
  afterAll(() => new Promise((resolve) => server.close(resolve)))

  const fetched = (path: string, headers: Array<[string, string]> = []) =>
    new Egress({ allowLoopback: true }).fetch({ t: 'egress', id: 1, method: 'GET', url: origin + path, headers }, new Uint8Array())

  test('come back with status, headers and body; cookies and names of the room do not travel', async () => {
    const { head, payload } = await fetched('/', [
      ['accept', 'application/json'],
      ['cookie', 'a=b'],
      ['x-forwarded-for', '1.2.3.4'],
    ])
    expect(head).toMatchObject({ t: 'fetched', id: 1, status: 200 })
    expect(head.headers.map(([name]) => name)).not.toContain('set-cookie')
    const seen = JSON.parse(new TextDecoder().decode(payload)) as Record<string, string>
    expect(seen).toMatchObject({ accept: 'application/json' })
    expect(seen).not.toHaveProperty('cookie')
    expect(seen).not.toHaveProperty('x-forwarded-for')
  })

  test('a redirect is handed back, not followed', async () => {
    const { head } = await fetched('/moved')
    expect(head).toMatchObject({ status: 302 })
    expect(Object.fromEntries(head.headers)).toMatchObject({ location: 'http://169.254.169.254/' })
  })

  test('an answer that is too long is refused', async () => {
    await expect(fetched('/large')).rejects.toMatchObject({ error: 'TooLarge' })
  })

  test('an address where nobody listens is refused with its name', async () => {
    const egress = new Egress({ allowLoopback: true })
    const frame = { t: 'egress', id: 1, method: 'GET', url: 'http://127.0.0.1:1/', headers: [] } as const
    await expect(egress.fetch({ ...frame, headers: [] }, new Uint8Array())).rejects.toMatchObject({ error: 'FetchFailed' })
  })
})
