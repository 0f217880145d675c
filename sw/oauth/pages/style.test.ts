import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { STYLE } from './style.ts'

/** `--name: value` of one half of a style sheet, without what a formatter may change. */
const coloursOf = (css: string): ReadonlyMap<string, string> =>
  new Map(Array.from(css.matchAll(/(--[\w-]+):\s*(#[\da-f]{6})/g), ([, name = '', value = '']) => [name, value]))

test.each([
  ['light', 0],
  ['dark', 1],
])('the colours are those of the app: %s', (_, half) => {
  const app = readFileSync(new URL('../../../web/styles/tokens.css', import.meta.url), 'utf8')
  const [ours, theirs] = [STYLE, app].map((css) => coloursOf(css.split(/@media\s*\(prefers-color-scheme/)[half] ?? ''))
  expect(ours?.size).toBeGreaterThan(10)
  expect(Object.fromEntries(ours ?? [])).toEqual(Object.fromEntries([...(theirs ?? [])].filter(([name]) => ours?.has(name))))
})
