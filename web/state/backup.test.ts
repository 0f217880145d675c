import { expect, test } from 'vitest'
import { sortLuggage } from './backup.ts'

const file = (name: string): File => new File([], name)

test('files are told apart by their names', () => {
  const [car, tar, picture] = [file('alice.CAR'), file('blobs.tar'), file('cat.png')]
  expect(sortLuggage([picture, car, tar])).toEqual({ repo: car, archives: [tar], blobs: [picture] })
  expect(sortLuggage([picture]).repo).toBeNull()
})

test('two repos at once are a question, not a guess', () => {
  expect(() => sortLuggage([file('a.car'), file('b.car')])).toThrow('several repos')
})
