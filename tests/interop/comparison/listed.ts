/** docs/differences.md, read as what it is for tests: the list of all that may differ. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../../scripts/root.ts'
import type { Difference } from './answer.ts'

/** A row of the table. `*` in an id stands for any text, alone for any request. */
export interface Listed extends Difference {
  readonly reason: string
}

/** Rows of the tables in it that have five columns: id, what, reference, ours, why. @throws for an id that stands there twice */
export const readListed = (): Listed[] => {
  const rows = readFileSync(join(root, 'docs/differences.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => {
      const [id = '', aspect = '', reference = '', ours = '', reason = ''] = line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim().replaceAll(/^`|`$/g, '').replaceAll('\\|', '|'))
      return { id, aspect, reference, ours, reason }
    })
  const seen = new Set<string>()
  for (const row of rows) {
    const key = rowOf(row)
    if (seen.has(key)) throw new Error(`docs/differences.md lists this twice: ${key}`)
    seen.add(key)
  }
  return rows
}

export const covers = (row: Listed, difference: Difference): boolean =>
  matches(row.id, difference.id) &&
  matches(row.aspect, difference.aspect) &&
  row.reference === difference.reference &&
  row.ours === difference.ours

/** As a row of the table, to be finished with a reason. */
export const rowOf = ({ id, aspect, reference, ours }: Difference): string =>
  `| ${[id, aspect, reference, ours].map((cell) => `\`${cell.replaceAll('|', '\\|')}\``).join(' | ')} |`

const matches = (pattern: string, text: string): boolean =>
  new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
  ).test(text)
