import { describe, expect, test } from 'vitest'
import { lookUp, parseAcceptLanguage } from './choice.ts'

const TAGS = ['en', 'de', 'fr', 'es', 'pt-BR', 'ja']

describe('the language of a page', () => {
  test.each([
    ['de', 'de'],
    ['de-AT', 'de'],
    ['DE-at-1996', 'de'],
    ['pt-BR', 'pt-BR'],
    ['pt-PT', 'pt-BR'],
    ['pt', 'pt-BR'],
    ['ja-Latn-x-private', 'ja'],
    ['nl de-CH en', 'de'],
    ['en-GB de', 'en'],
    ['nl', undefined],
    ['deu', undefined],
    ['*', undefined],
    ['', undefined],
    ['constructor', undefined],
  ])('of “%s” is %s', (wanted, found) => {
    expect(lookUp(wanted.split(' '), TAGS)).toBe(found)
  })
})

describe('what a browser says of its languages', () => {
  test.each([
    ['de', ['de']],
    ['de-DE,de;q=0.9,en;q=0.8', ['de-DE', 'de', 'en']],
    ['en;q=0.3, fr ; q=0.9,ja', ['ja', 'fr', 'en']],
    ['fr;q=0, es', ['es']],
    ['*', ['*']],
    ['de;q=nonsense, en', ['de', 'en']],
    ['', ['']],
  ])('%s', (header, wanted) => {
    expect(parseAcceptLanguage(header)).toEqual(wanted)
  })
})
