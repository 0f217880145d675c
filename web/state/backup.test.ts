import { expect, test } from 'vitest'
import { mayImport, sortLuggage } from './backup.ts'

const file = (name: string): File => new File([], name)

test('files are told apart by their names', () => {
  const [car, tar, picture] = [file('alice.CAR'), file('blobs.tar'), file('cat.png')]
  expect(sortLuggage([picture, car, tar])).toEqual({ repo: car, archives: [tar], blobs: [picture] })
  expect(sortLuggage([picture]).repo).toBeNull()
})

test('a repo that people read is never replaced', () => {
  const collections = [{ name: 'app.bsky.feed.post', count: 1 }]
  expect(mayImport({ standing: 'active', collections })).toBe(false)
  expect(mayImport({ standing: 'active', collections: [] })).toBe(true)
  expect(mayImport({ standing: 'deactivated', collections })).toBe(true)
  expect(mayImport({ standing: 'arriving', collections })).toBe(true)
})

test('two repos at once are a question, not a guess', () => {
  expect(() => sortLuggage([file('a.car'), file('b.car')])).toThrow('several repos')
})
