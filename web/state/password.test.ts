import { expect, test } from 'vitest'
import { passwordHint, suggestPassword } from './password.ts'

test.each([
  ['', 0],
  ['short', 0],
  ['aaaaaaaaaaaaaaaa', 1],
  ['password', 1],
  ['Passw0rd!x', 2],
  ['correct horse battery', 3],
] as const)('passwordHint rates %j as %i', (password, level) => {
  expect(passwordHint(password).level).toBe(level)
})

test('suggestPassword gives four groups of five, strong, and never twice the same', () => {
  const one = suggestPassword()
  expect(one).toMatch(/^([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}$/)
  expect(passwordHint(one).level).toBe(3)
  expect(suggestPassword()).not.toBe(one)
})

test('suggestPassword draws again instead of favouring the first letters', () => {
  let draws = 0
  const password = suggestPassword((bytes) => bytes.fill(draws++ === 0 ? 255 : 1))
  expect(draws).toBe(2)
  expect(password).toBe('bbbbb-bbbbb-bbbbb-bbbbb')
})
