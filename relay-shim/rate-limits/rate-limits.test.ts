import { describe, expect, test, vi } from 'vitest'
import type { XrpcError } from '../../wire/errors.ts'
import { MAX_OPEN_PER_ADDRESS } from '../../wire/limits.ts'
import type { RoomSettings } from '../settings/settings.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { RateLimits } from './rate-limits.ts'

const LOGIN = '/xrpc/com.atproto.server.createSession'
const CREATE = '/xrpc/com.atproto.repo.createRecord'
const UPLOAD = '/xrpc/com.atproto.repo.uploadBlob'
const NOW = 1_700_000_000_000

const open = async (settings: Partial<RoomSettings> = {}, host = 'pod.example') => {
  vi.spyOn(Date, 'now').mockReturnValue(NOW)
  const port = new MemoryPort({ host, settings: { rateLimits: 1, trustedProxy: 1, ...settings } })
  const limits = await RateLimits.open(port)
  /** A request that is answered with `status`; what the client sees of it. */
  const ask = (path: string, { from = '1.2.3.4', status = 200, method = 'GET' } = {}): Response => {
    const visit = limits.visit(new Request(`https://pod.example${path}`, { method, headers: { 'x-forwarded-for': from } }), path)
    try {
      visit.admit()
    } catch (cause) {
      const { status, headers } = cause as XrpcError
      return Response.json(cause, { status, headers })
    }
    const response = new Response(null, { status })
    visit.settle(response)
    return response
  }
  return { port, limits, ask }
}

const told = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('ratelimit-') || name === 'retry-after'))

describe('an address', () => {
  test('takes a share of the places where requests wait, and others find theirs', async () => {
    const { limits } = await open()
    const enter = (from: string) => {
      const visit = limits.visit(new Request('https://pod.example/xrpc/x.y.z', { headers: { 'x-forwarded-for': from } }), '/xrpc/x.y.z')
      visit.admit()
      return visit
    }
    const [first] = Array.from({ length: MAX_OPEN_PER_ADDRESS }, () => enter('1.2.3.4'))
    expect(() => enter('1.2.3.4')).toThrow('at the same time')
    enter('1.2.3.5')
    first?.settle(new Response())
    enter('1.2.3.4')
  })

  test('reads in every answer what it has left, in the words of the reference PDS', async () => {
    const { ask } = await open()
    expect(told(ask('/xrpc/com.atproto.server.describeServer'))).toEqual({
      'ratelimit-limit': '3000',
      'ratelimit-remaining': '2999',
      'ratelimit-reset': String(NOW / 1000 + 300),
      'ratelimit-policy': '3000;w=300',
    })
  })

  test('sends passwords to the pages as seldom as to createSession, and looks at them as often as at anything', async () => {
    const { ask } = await open()
    const forms = ['/oauth/authorize', '/account', '/fedcm/login'] as const
    for (let n = 0; n < 30; n += 1) expect(ask(forms[n % 3] ?? LOGIN, { method: 'POST' }).status).toBe(200)
    for (const path of [...forms, LOGIN]) expect(ask(path, { method: 'POST' }).status).toBe(429)
    expect(ask('/account').status).toBe(200)
    for (const path of ['/oauth/token', '/fedcm/assertion', '/fedcm/session']) expect(ask(path, { method: 'POST' }).status).toBe(200)
  })

  test('that asks too often is refused until the window is over, and others are not', async () => {
    const { port, ask } = await open()
    for (let n = 0; n < 30; n += 1) expect(ask(LOGIN, { status: 401 }).status).toBe(401)
    const refused = ask(LOGIN)
    expect([refused.status, await refused.json()]).toEqual([429, { error: 'RateLimitExceeded', message: 'Rate Limit Exceeded' }])
    expect(told(refused)).toEqual({
      'ratelimit-limit': '30',
      'ratelimit-remaining': '0',
      'ratelimit-reset': String(NOW / 1000 + 300),
      'ratelimit-policy': '30;w=300',
      'retry-after': '300',
    })
    expect(ask(LOGIN, { from: '1.2.3.5' }).status).toBe(200)
    expect(ask(CREATE).status).toBe(200)
    port.clockOffsetMs = 300_000
    expect(ask(LOGIN).status).toBe(200)
  })

  test('may try 300 sign-ins a day, in however many rooms that slept', async () => {
    const { port, ask } = await open()
    let admitted = 0
    for (let n = 0; n < 20; n += 1) {
      port.clockOffsetMs = n * 300_000
      for (let i = 0; i < 30; i += 1) if (ask(LOGIN).status === 200) admitted += 1
    }
    expect(admitted).toBe(300)
    const woken = await RateLimits.open(port)
    expect(() => woken.visit(new Request('https://pod.example', { headers: { 'x-forwarded-for': '1.2.3.4' } }), LOGIN).admit()).toThrow(
      'Rate Limit Exceeded',
    )
  })

  test('spends the same, however it writes the name of a method', async () => {
    const { ask } = await open()
    for (const path of [`${LOGIN}/`, LOGIN.replace('c', '%63'), LOGIN.replaceAll('.', '%2E')])
      for (let n = 0; n < 10; n += 1) expect(ask(path).status).toBe(200)
    expect(ask(LOGIN).status).toBe(429)
  })

  test('has a limit of its own for whole repos, which is not taken from the others', async () => {
    const { ask } = await open()
    expect(ask('/xrpc/com.atproto.sync.getRepo').headers.get('ratelimit-limit')).toBe('6000')
    expect(ask('/').headers.get('ratelimit-remaining')).toBe('2999')
  })

  test('that nobody vouches for shares its limit with all others of that kind', async () => {
    const warn = vi.spyOn(console, 'warn').mockReturnValue()
    const { ask } = await open({ trustedProxy: 'none' })
    for (let n = 0; n < 30; n += 1) ask(LOGIN, { from: `1.2.3.${n}` })
    expect(ask(LOGIN, { from: '6.6.6.6' }).status).toBe(429)
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('TABPOD_TRUSTED_PROXY'))
    warn.mockRestore()
  })
})

describe('an account', () => {
  test('pays 3, 2 and 1 for what its commits create, update and delete', async () => {
    const { limits, ask } = await open({ rateLimits: 0.1 })
    limits.wrote([{ action: 'create' }, { action: 'update' }, { action: 'delete' }])
    for (let n = 0; n < 100; n += 1) limits.wrote([{ action: 'create' }])
    expect(told(ask(CREATE))).toMatchObject({ 'ratelimit-limit': '500', 'ratelimit-remaining': '194', 'ratelimit-policy': '500;w=3600' })
  })

  test('that wrote too much writes no more from anywhere, but still reads', async () => {
    const { port, limits, ask } = await open()
    for (let n = 0; n < 25; n += 1) limits.wrote(Array.from({ length: 200 }, () => ({ action: 'delete' })))
    for (const name of ['createRecord', 'putRecord', 'deleteRecord', 'applyWrites'])
      expect(told(ask(`/xrpc/com.atproto.repo.${name}`, { from: '7.7.7.7' }))).toMatchObject({ 'ratelimit-policy': '5000;w=3600' })
    expect(ask(CREATE).status).toBe(429)
    expect(ask('/xrpc/com.atproto.repo.listRecords').status).toBe(200)
    port.clockOffsetMs = 3_600_000
    expect(ask(CREATE).status).toBe(200)
  })

  test('loses nothing to those who have no token', async () => {
    const { ask } = await open({ rateLimits: 0.01 })
    for (let n = 0; n < 20; n += 1) ask(UPLOAD, { status: 401 })
    for (let n = 0; n < 10; n += 1) expect(ask(UPLOAD, { from: `2.2.2.${n}` }).status).toBe(200)
    expect(ask(UPLOAD, { from: '3.3.3.3' }).status).toBe(429)
  })
})

describe('limits', () => {
  test.each([
    ['pod.example', 'public', true],
    ['localhost:1999', 'public', false],
    ['alice.localhost:1999', 1, true],
    ['pod.example', 'off', false],
  ] as const)('of %s, set to %s: %s', async (host, rateLimits, isOn) => {
    const { ask } = await open({ rateLimits }, host)
    expect(ask('/').headers.has('ratelimit-limit')).toBe(isOn)
  })

  test('of an answer that was never admitted are not told', async () => {
    const { limits } = await open()
    const response = new Response()
    limits.visit(new Request('https://pod.example'), '/health').settle(response)
    expect(told(response)).toEqual({})
  })
})
