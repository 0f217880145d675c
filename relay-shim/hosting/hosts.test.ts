import { describe, expect, test } from 'vitest'
import { answerAtDoor } from '../front-door.ts'
import { isListed, parseHostPattern } from './hosts.ts'

const listed = (patterns: string, host: string): boolean =>
  isListed(
    patterns.split(' ').map((each) => parseHostPattern(each) ?? expect.unreachable(each)),
    host,
  )

describe('a list of host names', () => {
  test.each([
    ['pds.example.com', 'pds.example.com', true],
    ['PDS.example.com:443', 'pds.example.com', true],
    ['pds.example.com', 'pds.example.com:8443', false],
    ['pds.example.com:8443', 'pds.example.com:8443', true],
    ['pds.example.com:8443', 'pds.example.com', false],
    ['pds.example.com:*', 'pds.example.com:8443', true],
    ['pds.example.com:*', 'pds.example.com', true],
    ['pds.example.com', 'xpds.example.com', false],
    ['pds.example.com', 'pds.example.com.evil.example', false],
    ['localhost:80', 'localhost', true],
    ['localhost:*', 'localhost:1999', true],
    ['a.example b.example', 'b.example', true],
    ['*', 'whatever.example:1', true],
  ])('%s: a room for %s is %s', (patterns, host, is) => expect(listed(patterns, host)).toBe(is))

  test.each([
    ['alice.pods.example.com', true],
    ['pods.example.com', false],
    ['a.alice.pods.example.com', false],
    ['alicepods.example.com', false],
    ['alice.pods.example.com:8443', false],
  ])('a wildcard stands for exactly one label, as in a certificate: %s is %s', (host, is) =>
    expect(listed('*.pods.example.com', host)).toBe(is),
  )

  test.each(['', '**', '*.', '.example', 'a b', 'pds.*.example', 'http://pds.example', 'pds.example:0', 'pds.example:99999', '[::1]'])(
    '%j is no entry of it',
    (written) => expect(parseHostPattern(written)).toBeUndefined(),
  )

  test('left out it is this machine, so that a forgotten setting opens no room for a name that a stranger thinks of', () => {
    expect(['localhost:1999', 'alice.localhost', '127.0.0.1:8080'].every((host) => isListed([], host))).toBe(true)
    expect(['pds.example.com', '10.0.0.1', 'localhost.example'].some((host) => isListed([], host))).toBe(false)
  })
})

describe('the front door', () => {
  const DID = 'did:plc:abcdefghijklmnopqrstuvwx'
  const SETTINGS = {
    TABPOD_HOSTS: 'pds.example.com, *.pods.example.com',
    TABPOD_HANDLES: `bob.pods.example.com=${DID}>https://bsky.app/profile/bob.pods.example.com, carol.example=${DID}`,
  }
  const enters: string[] = []
  const ask = (host: string, path = '/xrpc/_health', init: RequestInit = {}, env: Record<string, string> = SETTINGS): Promise<Response> => {
    enters.length = 0
    return answerAtDoor(new Request(`https://wherever.example${path}`, { ...init, headers: { ...init.headers, host } }), {
      env,
      asset: async (file) => new Response(file),
      enter: async (room, entered) => {
        enters.push(`${room} ${entered}`)
        return new Response('room')
      },
    })
  }

  test('lets nobody through to a host name that is not listed', async () => {
    for (const path of ['/', '/xrpc/_health', '/xrpc/_tabpod/status', '/sw.js', '/.well-known/did.json']) {
      const response = await ask('other.example.com', path)
      expect([response.status, await response.json(), enters]).toMatchObject([421, { error: 'HostNotServed' }, []])
    }
    expect((await ask('other.example.com', '/xrpc/_tabpod/uplink', { headers: { upgrade: 'websocket' } })).status).toBe(421)
    expect(enters).toEqual([])
    await ask('alice.pods.example.com')
    expect(enters).toEqual(['alice.pods.example.com /xrpc/_health'])
  })

  test('tells people in words that nobody is at home there', async () => {
    const response = await ask('other.example.com', '/', { headers: { accept: 'text/html' } })
    expect(response.status).toBe(421)
    expect(await response.text()).toContain('No pod has this address')
  })

  test('answers for a host that is only a handle with its DID and nothing else, and opens no room for it', async () => {
    const response = await ask('Bob.pods.example.com', '/.well-known/atproto-did')
    expect([response.status, await response.text(), response.headers.get('content-type')]).toEqual([200, DID, 'text/plain; charset=utf-8'])
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    for (const path of ['/xrpc/_health', '/.well-known/did.json', '/sw.js', '/_tabpod/operator', '/.well-known/atproto-did/'])
      expect((await ask('bob.pods.example.com', path)).status).toBe(404)
    expect((await ask('bob.pods.example.com', '/.well-known/atproto-did', { method: 'POST' })).status).toBe(404)
    expect((await ask('bob.pods.example.com', '/xrpc/_tabpod/uplink', { headers: { upgrade: 'websocket' } })).status).toBe(404)
    expect(enters).toEqual([])
  })

  test('leads visitors of a handle to the page that its owner chose, where one was chosen', async () => {
    const led = await ask('bob.pods.example.com', '/')
    expect([led.status, led.headers.get('location')]).toEqual([302, 'https://bsky.app/profile/bob.pods.example.com'])
    expect((await ask('carol.example', '/')).status).toBe(404)
  })

  test('says what is wrong with the settings in place of guessing', async () => {
    const response = await ask('pds.example.com', '/', {}, { TABPOD_HOSTS: 'http://pds.example.com' })
    expect([response.status, await response.json()]).toMatchObject([500, { error: 'Misconfigured' }])
    expect(enters).toEqual([])
  })

  test('serves the page and the worker itself, with headers of their own', async () => {
    expect(await (await ask('pds.example.com', '/')).text()).toBe('/pages/owner.html')
    expect((await ask('pds.example.com', '/sw.js')).headers.get('service-worker-allowed')).toBe('/')
    expect(enters).toEqual([])
  })
})
