import { expect, test } from 'vitest'
import { appNameProblem, emailProblem } from './account.ts'

test.each(['a@b.c', 'first.last+tag@mail.example.com'])('%s passes for an e-mail address', (email) =>
  expect(emailProblem(email)).toBeNull(),
)
test.each(['', 'a', 'a@b', '@b.c', 'a b@c.d', 'a@b@c.d'])('%j does not', (email) => expect(emailProblem(email)).toContain('@'))

test('an app password needs a name that no other one has', () => {
  expect(appNameProblem('  ', [])).toContain('name')
  expect(appNameProblem('phone ', ['phone'])).toContain('already')
  expect(appNameProblem('phone', ['laptop'])).toBeNull()
})
