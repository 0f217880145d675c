import { l } from '@atproto/lex'
import { afterEach, expect, test, vi } from 'vitest'
import { XrpcError } from '../../wire/errors.ts'
import { Log } from '../operations/log.ts'
import { toXrpcError, xrpcErrorToResponse } from './errors.ts'

const errorToResponse = (cause: unknown): Response => xrpcErrorToResponse(toXrpcError(cause, 'a1b2-c3', new Log()))

afterEach(() => vi.restoreAllMocks())

test('an XrpcError keeps its status, name, message and headers', async () => {
  const response = errorToResponse(new XrpcError(429, 'RateLimitExceeded', 'slow down', { headers: { 'retry-after': '7' } }))
  expect(response.status).toBe(429)
  expect(response.headers.get('retry-after')).toBe('7')
  expect(await response.json()).toEqual({ error: 'RateLimitExceeded', message: 'slow down' })
})

test('a schema violation is the sender’s fault', async () => {
  const failure = l.integer().safeParse('one')
  const response = errorToResponse(failure.success ? null : failure.reason)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ error: 'InvalidRequest', message: expect.stringContaining('integer') })
})

test.each([new Error('secret detail'), 'secret detail', undefined, { status: 200, error: 'secret detail' }])(
  'anything else is 500 with a request id, its details only in the console',
  async (cause) => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const response = errorToResponse(cause)
    expect(response.status).toBe(500)
    const { error, message } = await response.json()
    expect(error).toBe('InternalServerError')
    expect(message).not.toContain('secret')
    expect(message).toContain('request a1b2-c3')
    expect(response.headers.get('x-request-id')).toBe('a1b2-c3')
    expect(log).toHaveBeenCalledWith(expect.stringContaining('a1b2-c3'), cause)
  },
)
