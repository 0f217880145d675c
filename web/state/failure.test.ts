import { expect, test } from 'vitest'
import { XrpcError } from '../../wire/errors.ts'
import { codeOf, sentenceOf } from './failure.ts'

test('a command that the worker does not know is a plain sentence', () => {
  const sentence = sentenceOf(new XrpcError(501, 'MethodNotImplemented', 'set-email is not implemented by this server'))
  expect(sentence).toContain('cannot do that yet')
  expect(sentence).not.toContain('set-email')
})

test("the worker's own message is kept, as a whole sentence", () => {
  expect(sentenceOf(new XrpcError(400, 'InvalidHandle', 'carol.test is taken'))).toBe('carol.test is taken.')
  expect(sentenceOf(new XrpcError(400, 'InvalidHandle', 'Is it taken?'))).toBe('Is it taken?')
})

test('what has no message still says something', () => {
  for (const cause of [undefined, null, 'x', new Error('')]) expect(sentenceOf(cause)).toBe('Something went wrong. Try again.')
})

test('codeOf reads the stable code and nothing else', () => {
  expect(codeOf(new XrpcError(400, 'InvalidHandle', ''))).toBe('InvalidHandle')
  expect(codeOf(new Error('InvalidHandle'))).toBe('')
})
