import { describe, expect, test } from 'vitest'
import { handleProblem, isLoopback, normalizeHandle, suggestHandle } from './handle.ts'

describe('suggestHandle', () => {
  test.each(['localhost:1999', '127.0.0.1:1999', '[::1]:1999', 'LOCALHOST', 'idp.localhost:8080'])('offers a .test name on %s', (host) => {
    expect(suggestHandle(host)).toBe('alice.test')
    expect(handleProblem(suggestHandle(host), host)).toBeNull()
  })

  test('offers the host name itself on a real host, without port and in lower case', () => {
    expect(suggestHandle('Alice.Example.com:8443')).toBe('alice.example.com')
    expect(handleProblem('alice.example.com', 'alice.example.com')).toBeNull()
  })

  test('a host that only looks like loopback is a real host', () => {
    expect(isLoopback('localhost.evil.com')).toBe(false)
  })
})

describe('handleProblem', () => {
  const real = 'pods.example.com'
  test.each(['', 'alice', '-a.com', 'a-.com', 'a..com', 'al ice.com', 'alice.123', 'a_b.com', `${'a.'.repeat(130)}com`])(
    'refuses %j with a remedy',
    (handle) => expect(handleProblem(handle, real)).toMatch(/\S{4}/),
  )
  test('turns a bare word into a proposal', () => {
    expect(handleProblem('bob', real)).toContain('bob.pods.example.com')
    expect(handleProblem('bob', 'localhost:1999')).toContain('bob.test')
  })
  test.each(['bob.test', 'bob.localhost'])('allows %s on loopback hosts only', (handle) => {
    expect(handleProblem(handle, 'localhost:1999')).toBeNull()
    expect(handleProblem(handle, real)).toContain('localhost')
  })
  test.each(['bob.local', 'bob.onion', 'bob.example'])('refuses the reserved name %s', (handle) => {
    expect(handleProblem(handle, real)).toContain('reserved')
  })
})

test('normalizeHandle forgives an @, capitals and spaces around', () => {
  expect(normalizeHandle(' @Alice.Test ')).toBe('alice.test')
})
