import { expect, test } from 'vitest'
import { admitHandle } from './handle.ts'

const LOCAL = 'http://localhost:1999'
const PUBLIC = 'https://alice.example.com'

test('a handle is kept in lower case', () => {
  expect(admitHandle(' Alice.Example.COM ', PUBLIC)).toBe('alice.example.com')
})

test.each(['alice.test', 'alice.localhost'])('%s is for loopback hosts only', (handle) => {
  expect(admitHandle(handle, LOCAL)).toBe(handle)
  expect(() => admitHandle(handle, PUBLIC)).toThrow(expect.objectContaining({ status: 400, error: 'InvalidHandle' }))
})

test.each(['alice', 'alice..com', '-a.com', 'alice.local', 'alice.onion', 'alice.example', 'a b.com', '', `${'a'.repeat(300)}.com`])(
  '%j is refused',
  (handle) => {
    expect(() => admitHandle(handle, LOCAL)).toThrow(expect.objectContaining({ status: 400, error: 'InvalidHandle' }))
  },
)
