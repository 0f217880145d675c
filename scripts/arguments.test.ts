import { describe, expect, test } from 'vitest'
import { readArguments, readPort } from './arguments.ts'
import { Usage } from './ending.ts'

const flags = { port: 'string', headless: 'boolean' } as const

describe('readArguments', () => {
  test('reads values in both spellings, and switches', () => {
    expect(readArguments(flags, ['--port', '2000', '--headless'])).toEqual({ port: '2000', headless: true })
    expect(readArguments(flags, ['--port=2000'])).toEqual({ port: '2000' })
  })

  test.each([
    [['--colour'], 'Unknown flag --colour. Known flags: --port, --headless.'],
    [['-p'], 'Unknown flag -p. Known flags: --port, --headless.'],
    [['soon'], 'Unexpected argument "soon". Known flags: --port, --headless.'],
    [['--port'], '--port needs a value.'],
    [['--port='], '--port needs a value.'],
    [['--headless=no'], '--headless takes no value.'],
  ])('refuses %j in one sentence', (args, sentence) => {
    expect(() => readArguments(flags, args)).toThrow(new Usage(sentence))
  })

  test('takes a flag that follows for a value nowhere', () => {
    expect(() => readArguments(flags, ['--port', '--headless'])).toThrow(Usage)
  })
})

describe('readPort', () => {
  test.each(['-1', '65536', '80a', '1e3', ' 80'])('refuses %j', (text) => {
    expect(() => readPort(text)).toThrow(Usage)
  })

  test('takes 0 to 65535', () => {
    expect([readPort('0'), readPort('65535')]).toEqual([0, 65_535])
  })
})
