import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { bases as all } from 'multiformats/basics'
import { expect, test } from 'vitest'
import { bases } from './multiformats-basics.ts'

const folder = dirname(createRequire(import.meta.url).resolve('@atproto/crypto'))
const source = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.js'))
  .map((file) => readFileSync(join(folder, file), 'utf8'))
  .join('\n')

test('there is every base that @atproto/crypto names', () => {
  const named = Object.keys(all).filter((name) => source.includes(`'${name}'`))
  expect(named.length).toBeGreaterThan(5)
  expect(Object.keys(bases)).toEqual(expect.arrayContaining(named))
})
