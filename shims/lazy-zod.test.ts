import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as original from 'zod'
import { root } from '../scripts/root.ts'
import { bindLazily } from './lazy-zod.ts'

let directory: string
let lazy: typeof original

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tabpod-zod-'))
  cpSync(join(root, 'node_modules/zod'), directory, { recursive: true })
  const types = join(directory, 'v3/types.js')
  writeFileSync(types, bindLazily(readFileSync(types, 'utf8')))
  lazy = (await import(/* @vite-ignore */ pathToFileURL(join(directory, 'index.js')).href)) as typeof original
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** All that a schema of that kind can be asked, its own and inherited. */
const namesOf = (schema: object): string[] => {
  const names = new Set<string>()
  for (let at: object | null = schema; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null)
    for (const name of Object.getOwnPropertyNames(at)) names.add(name)
  return [...names].sort()
}

const made = ({ z }: typeof original) => ({
  text: z.string().min(2).optional(),
  list: z.array(z.number()).nonempty(),
  either: z.union([z.literal('a'), z.object({ b: z.boolean().default(true) }).strict()]),
  changed: z.string().transform((text, context) => {
    if (text === 'no') context.addIssue({ code: 'custom', message: 'not this one' })
    return text.length
  }),
})

const VALUES = [undefined, null, '', 'x', 'no', 'long enough', 0, [], [1], ['1'], {}, { b: false }, { b: 1 }, { c: 2 }]

test('schemas judge as those of zod do, in the same words', () => {
  const [theirs, ours] = [made(original), made(lazy)]
  for (const name of ['text', 'list', 'either', 'changed'] as const)
    for (const value of VALUES) {
      const [wanted, found] = [theirs[name].safeParse(value), ours[name].safeParse(value)]
      // As text: an issue of a union holds errors, which are of another class.
      expect(JSON.stringify([name, value, found])).toBe(JSON.stringify([name, value, wanted]))
    }
})

test('they can be asked the same, and a method that is passed around still knows its schema', async () => {
  const [theirs, ours] = [made(original), made(lazy)]
  for (const name of ['text', 'list', 'either', 'changed'] as const) expect(namesOf(ours[name])).toEqual(namesOf(theirs[name]))
  const { parse, safeParseAsync, optional } = ours.list
  expect(parse([1])).toEqual([1])
  expect((await safeParseAsync(['1'])).success).toBe(false)
  expect(optional().parse(undefined)).toBeUndefined()
  expect(ours.list.parse).toBe(parse)
})

test('a zod that is written in another way is noticed', () => {
  expect(() => bindLazily('class ZodType {}')).toThrow('binds no methods any more')
})
