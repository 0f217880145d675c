import { expect, test } from 'vitest'
import { routeOf } from './route.ts'

test.each([
  ['', ''],
  ['#', ''],
  ['#/', ''],
  ['#/inbox', 'inbox'],
  ['#/move-in', 'move-in'],
  ['#inbox', ''],
  ['#/elsewhere', ''],
  ['#claim=abc', ''],
] as const)('%j is the place %j', (hash, place) => expect(routeOf(hash)).toBe(place))
