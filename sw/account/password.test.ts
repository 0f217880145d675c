import { expect, test } from 'vitest'
import { PASSWORD_ROUNDS } from '../../wire/limits.ts'
import { hashPassword, isPassword } from './password.ts'

const ROUNDS = 1000

test('the right password fits, every other does not', async () => {
  const stored = await hashPassword('correct horse', ROUNDS)
  expect(await isPassword('correct horse', stored)).toBe(true)
  for (const wrong of ['', 'correct hors', 'correct horse ', 'Correct horse', 'x'.repeat(1000)])
    expect(await isPassword(wrong, stored)).toBe(false)
})

test('one password typed in two Unicode forms is one password', async () => {
  const stored = await hashPassword('caf\u00e9 au lait', ROUNDS)
  expect(await isPassword('cafe\u0301 au lait', stored)).toBe(true)
})

test('the same password never gives the same row, and the row does not contain it', async () => {
  const [a, b] = await Promise.all([hashPassword('correct horse', ROUNDS), hashPassword('correct horse', ROUNDS)])
  expect(a.hash).not.toEqual(b.hash)
  expect(Buffer.concat([a.salt, a.hash]).includes('correct')).toBe(false)
})

test('too short and too long passwords are refused', async () => {
  for (const bad of ['', 'seven77', 'x'.repeat(257)]) {
    await expect(hashPassword(bad, ROUNDS)).rejects.toMatchObject({ status: 400, error: 'InvalidPassword' })
  }
})

test('hashing takes as many rounds as advised unless told otherwise', async () => {
  expect((await hashPassword('correct horse')).rounds).toBe(PASSWORD_ROUNDS)
})
