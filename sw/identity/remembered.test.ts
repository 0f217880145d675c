import { beforeEach, expect, test } from 'vitest'
import { Remembered } from './remembered.ts'

const lasting = { staleMs: 10, maxAgeMs: 100, maxKeys: 2 }
let clock: { now: number }
let asked: string[]
/** Questions that nobody has answered yet. */
let open: Array<PromiseWithResolvers<string | null>>
let known: Remembered<string>

beforeEach(() => {
  clock = { now: 0 }
  asked = []
  open = []
  known = new Remembered(
    (key) => {
      asked.push(key)
      const question = Promise.withResolvers<string | null>()
      open.push(question)
      return question.promise
    },
    lasting,
    () => clock.now,
  )
})

const learn = async (key: string, answer: string | null, options?: { fresh: boolean }) => {
  const got = known.get(key, options)
  open.at(-1)!.resolve(answer)
  return got
}
const settled = () => new Promise((resolve) => setTimeout(resolve))

test('an answer is asked for once by many, and again after its age', async () => {
  const both = Promise.all([known.get('a'), known.get('a')])
  open[0]!.resolve('1')
  expect(await both).toEqual(['1', '1'])
  clock.now = 9
  expect(await known.get('a')).toBe('1')
  expect(asked).toHaveLength(1)
  clock.now = 100
  expect(await learn('a', '2')).toBe('2')
})

test('a stale answer is given at once and renewed behind it; a failure leaves it', async () => {
  await learn('a', '1')
  clock.now = 10
  expect(await known.get('a')).toBe('1')
  open[1]!.reject(new Error('down'))
  await settled()
  expect(await known.get('a')).toBe('1')
  open[2]!.resolve('2')
  await settled()
  expect(await known.get('a')).toBe('2')
  expect(asked).toHaveLength(3)
})

test('a fresh answer takes the place of the old one, and no answer leaves nothing', async () => {
  await learn('a', '1')
  expect(await learn('a', '2', { fresh: true })).toBe('2')
  expect(await known.get('a')).toBe('2')
  expect(await learn('a', null, { fresh: true })).toBeNull()
  expect(await learn('a', '3')).toBe('3')
})

test('what was asked before it was forgotten is not kept', async () => {
  const early = known.get('a')
  known.forget('a')
  const late = known.get('a', { fresh: true })
  open[1]!.resolve('new')
  open[0]!.resolve('old')
  expect([await early, await late]).toEqual(['old', 'new'])
  expect(await known.get('a')).toBe('new')
})

test('the oldest key leaves when there are too many', async () => {
  for (const key of ['a', 'b', 'c']) await learn(key, key)
  expect(await known.get('c')).toBe('c')
  expect(asked).toHaveLength(3)
  await learn('a', 'a')
  expect(asked).toHaveLength(4)
})

test('nothing is kept of no answer, and a question that failed is asked again', async () => {
  expect(await learn('a', null)).toBeNull()
  const failing = known.get('a')
  open.at(-1)!.reject(new Error('down'))
  await expect(failing).rejects.toThrow('down')
  expect(await learn('a', '1')).toBe('1')
})
