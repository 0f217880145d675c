import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { unknownVariables, VARIABLES } from '../relay-shim/settings/settings.ts'
import { root } from './root.ts'

const page = readFileSync(join(root, 'docs/protocol.md'), 'utf8')
const section = page.split('\n## ').find((part) => part.startsWith('Settings of the shim')) ?? ''
const documented = Array.from(section.matchAll(/^\| `(TABPOD_\w+)` \|/gmu), ([, name = '']) => name)

test('the page lists the settings that there are, each once', () => {
  expect(documented.toSorted()).toEqual(VARIABLES.toSorted())
})

test('a name that looks like a setting and is none is found', () => {
  expect(unknownVariables({ TABPOD_POLICY: 'open', TABPOD_POLICIES: 'open', PATH: '' })).toEqual(['TABPOD_POLICIES'])
})
