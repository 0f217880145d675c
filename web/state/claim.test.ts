import { expect, test } from 'vitest'
import { claimFrom, dropClaim, keptClaim, takeClaim } from './claim.ts'

const memory = () => {
  const rows = new Map<string, string>()
  return {
    getItem: (key: string) => rows.get(key) ?? null,
    setItem: (key: string, value: string) => void rows.set(key, value),
    removeItem: (key: string) => void rows.delete(key),
  }
}

test.each([
  ['#claim=abc', 'abc'],
  ['#claim=a%2Bb', 'a+b'],
  ['#claim=100%', '100%'],
  ['#x=1&claim=abc&y=2', 'abc'],
  ['#claim=', null],
  ['#/restore', null],
  ['#reclaim=abc', null],
  ['', null],
])('claimFrom(%j) is %j', (hash, claim) => expect(claimFrom(hash)).toBe(claim))

test('takeClaim moves the token from the address bar to the storage of the tab', () => {
  const storage = memory()
  const shown: string[] = []
  const history = { replaceState: (_: unknown, __: string, url: string) => void shown.push(url) }
  takeClaim({ location: { hash: '#claim=secret', pathname: '/', search: '?a' }, history, storage })
  expect(shown).toEqual(['/?a'])
  expect(keptClaim(storage)).toBe('secret')
  takeClaim({ location: { hash: '#/restore', pathname: '/', search: '' }, history, storage })
  expect(shown).toHaveLength(1)
  expect(keptClaim(storage)).toBe('secret')
  dropClaim(storage)
  expect(keptClaim(storage)).toBeNull()
})
