import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { applyEdits, JsonPlace } from './json-place.ts'

const TEXT = ' {"a" : [ 1.0 , {"b":"]}\\"{"}, [] ],\n"c":{},"n":12345678901234567890,"a\\u0062":null}'

test('finds members and items, whatever their strings hold', () => {
  const root = JsonPlace.of(TEXT)
  const [one, two, three, ...none] = root.member('a')!.items()
  expect([one!.value(), two!.member('b')!.string(), three!.items(), none]).toEqual([1, ']}"{', [], []])
  expect(root.member('ab')!.value()).toBe(null)
  expect(root.member('c', 'd')).toBeUndefined()
  expect(root.member('a', 'b')).toBeUndefined()
  expect([root.items(), root.string(), one!.string()]).toEqual([[], undefined, undefined])
})

test('changes nothing but what is named: numbers, spaces and escapes stay as they came', () => {
  const root = JsonPlace.of(TEXT)
  const a = root.member('a')!
  const [, two, three] = a.items()
  const edits = [
    root.member('c')!.insertMember('x', '1'),
    three!.insertItems(0, ['7', '8']),
    a.insertItems(1, ['"new"']),
    a.insertItems(9, ['"last"']),
    two!.member('b')!.replace('"other"'),
    root.insertMember('y', '[]'),
  ]
  expect(applyEdits(TEXT, edits)).toBe(
    ' {"a" : [ 1.0 , "new",{"b":"other"}, [7,8] ,"last"],\n"c":{"x":1},"n":12345678901234567890,"a\\u0062":null,"y":[]}',
  )
})

test('of two members of one name it means the last, as JSON.parse does', () => {
  expect(JsonPlace.of('{"a":1,"a":2}').member('a')!.value()).toBe(2)
})

test('what is no JSON is refused', () => {
  for (const text of ['', '{', '{"a":[}', 'nope', '[1,]']) expect(() => JsonPlace.of(text)).toThrow(SyntaxError)
})

test('every value is found where it stands, and putting each back changes nothing', () => {
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false }), fc.nat(3), (json, indent) => {
      const text = JSON.stringify(JSON.parse(json), null, indent)
      const walk = (place: JsonPlace, value: unknown): void => {
        expect(place.value()).toEqual(value)
        if (Array.isArray(value)) for (const [index, item] of place.items().entries()) walk(item, value[index])
        else if (typeof value === 'object' && value !== null)
          for (const [name, inner] of Object.entries(value)) walk(place.member(name)!, inner)
        expect(applyEdits(text, [place.replace(JSON.stringify(value, null, indent))]).replaceAll(/\s/g, '')).toBe(
          text.replaceAll(/\s/g, ''),
        )
      }
      walk(JsonPlace.of(text), JSON.parse(text))
    }),
  )
})
