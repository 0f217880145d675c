import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from './root.ts'

const page = readFileSync(join(root, 'docs/security.md'), 'utf8')
const sources = globSync('{wire,sw,web,relay-shim,tests,scripts}/**/*.{test,spec}.ts', { cwd: root, exclude: ['tests/reference/**'] })
  .filter((path) => !path.startsWith('tests/reference'))
  .map((path) => readFileSync(join(root, path), 'utf8'))

const proofs = Array.from(page.matchAll(/\| \*([^*]+)\* \|$/gmu), ([, name = '']) => name)

test('the security page names proofs', () => {
  expect(proofs.length).toBeGreaterThan(15)
})

test.each(proofs)('the test that the security page calls a proof exists: %s', (name) => {
  expect(sources.some((source) => source.includes(`'${name}'`))).toBe(true)
})
