import { expect, test } from 'vitest'
import { originOf, parseHost } from './hostname.ts'

test.each([
  ['Localhost:1999', 'localhost:1999'],
  ['pod.example:443', 'pod.example'],
  ['localhost:80', 'localhost'],
  ['localhost:443', 'localhost:443'],
  ['127.0.0.1:8080', '127.0.0.1:8080'],
  [null, null],
  ['', null],
  ['[::1]:1999', null],
  ['pod.example.', null],
  ['pod.example/parties', null],
  ['a b', null],
  ['user@pod.example', null],
  ['-pod.example', null],
  ['pod.example:99999', null],
  [`${'a'.repeat(64)}.example`, null],
  [`${'a.'.repeat(150)}example`, null],
])('the Host header %s names the room %s', (header, host) => expect(parseHost(header)).toBe(host))

test('loopback hosts are http, all others https', () => {
  expect(originOf('alice.localhost:1999')).toBe('http://alice.localhost:1999')
  expect(originOf('127.0.0.1:1999')).toBe('http://127.0.0.1:1999')
  expect(originOf('localhost.example')).toBe('https://localhost.example')
})
