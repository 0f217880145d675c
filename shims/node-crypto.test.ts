import { createHash as nodeHash, createHmac as nodeHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { Buffer as Ours } from './buffer.ts'
import { createHash, createHmac, randomBytes } from './node-crypto.ts'

const secret = Uint8Array.from({ length: 32 }, (_, n) => n)

test('hashes are those of Node, in each spelling', () => {
  for (const text of ['', 'abc', 'ünïcode', 'x'.repeat(1000)]) {
    expect(createHash('sha256').update(text).digest().toString('base64url')).toBe(nodeHash('sha256').update(text).digest('base64url'))
    expect(createHmac('sha256', secret).update(text).digest().toString('hex')).toBe(nodeHmac('sha256', secret).update(text).digest('hex'))
  }
  expect(() => createHash('md5')).toThrow('no md5 here')
})

test('random bytes come at once, and by callback', () => {
  expect(randomBytes(16)).toHaveLength(16)
  let given: string | undefined
  randomBytes(4, (_, bytes) => {
    given = bytes.toString('hex')
  })
  expect(given).toMatch(/^[\da-f]{8}$/)
})

test('buffers are read from text and compared as Node’s are', () => {
  expect([...Ours.from('00ff10', 'hex')]).toEqual([...Buffer.from('00ff10', 'hex')])
  for (const text of ['-_-_', '+/+/', 'YWI', 'YWI=', '']) expect([...Ours.from(text, 'base64')]).toEqual([...Buffer.from(text, 'base64')])
  for (const [a, b] of [
    ['01', '01'],
    ['01', '02'],
    ['0201', '02'],
    ['', '00'],
  ] as const)
    expect(Ours.from(a, 'hex').compare(Ours.from(b, 'hex'))).toBe(Buffer.from(a, 'hex').compare(Buffer.from(b, 'hex')))
})
