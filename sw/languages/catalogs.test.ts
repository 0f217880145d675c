import { describe, expect, test } from 'vitest'
import { catalogAddresses } from './assets.ts'
import { CATALOGS } from './catalogs.ts'
import { ENGLISH } from './english.ts'
import { languagesOf } from './languages.ts'
import { ENGLISH_WORDS, isKey, type Key, wordsOf } from './words.ts'

const KEYS = Object.keys(ENGLISH) as Key[]
const placesIn = (template: string): string[] => Array.from(template.matchAll(/\{(\w+)\}/g), ([place]) => place).sort()

/** What may well be spelled as in English: names, words that were borrowed, and templates that are all places. */
const ALIKE: Readonly<Record<string, readonly Key[]>> = {
  de: [
    'fact.client',
    'fact.set',
    'records.app.bsky.feed.like',
    'records.app.bsky.feed.repost',
    'records.app.bsky.graph.follow',
    'files.video/*',
  ],
  fr: ['fact.client', 'fact.site', 'scope.repo'],
  es: ['scope.repo'],
  'pt-BR': ['fact.site', 'scope.repo'],
  ja: [],
}

describe.each(Object.entries(CATALOGS))('the catalog %s', (tag, catalog) => {
  test('has every sentence, and none that nobody says', () => {
    expect(Object.keys(catalog).sort()).toEqual([...KEYS].sort())
  })

  test('has the places of the English in each, once', () => {
    for (const key of KEYS) expect([key, placesIn(catalog[key])]).toEqual([key, placesIn(ENGLISH[key])])
  })

  test('has none left in English, and none empty', () => {
    const alike = KEYS.filter((key) => catalog[key].trim() === '' || catalog[key] === ENGLISH[key])
    expect(alike.filter((key) => !ALIKE[tag]?.includes(key))).toEqual([])
  })

  test('has no markup, no straight quotes and no stray spaces', () => {
    for (const key of KEYS) expect([key, catalog[key]]).toEqual([key, expect.not.stringMatching(/[<>&"']|^\s|\s$| {2}/)])
  })

  test('is of a language that the browser can write lists and times in', () => {
    expect(Intl.ListFormat.supportedLocalesOf(tag)).toEqual([tag])
    const { list, minutes } = wordsOf(tag, catalog)
    expect(list(['a', 'b', 'c'])).not.toContain(' and ')
    expect(minutes(5)).toMatch(/^5/)
  })

  test('is a file of the build, named by what is in it', () => {
    expect(catalogAddresses[tag]).toMatch(new RegExp(`^/assets/words-${tag}-[\\w-]{8}\\.json$`))
  })
})

test('English has no comma before the last “and”', () => {
  expect(ENGLISH_WORDS.list(['create', 'change', 'delete'])).toBe('create, change and delete')
  expect([ENGLISH_WORDS.minutes(1), ENGLISH_WORDS.minutes(15)]).toEqual(['1 minute', '15 minutes'])
})

test('a place takes text as it is, braces and all, and an element only where one is shown', () => {
  expect(ENGLISH_WORDS.say('fedcm.denied.text', { host: '{host}<b>' })).toBe('{host}<b> learns nothing. You can close this window.')
  expect(ENGLISH_WORDS.show('app.named', { name: '<b>' }).text).toBe('calls itself “&lt;b&gt;”')
})

test.each(['constructor', '__proto__', 'records.other', 'nothing', ''])('no sentence is called %s that could be said alone', (name) => {
  expect(isKey(name)).toBe(false)
})

describe('a language', () => {
  const files = (read: (address: string) => Promise<unknown>) => languagesOf({ addresses: { de: '/de.json', fr: '/fr.json' }, read })

  test('is read when it is asked for, and once', async () => {
    const asked: string[] = []
    const { tags, find } = files(async (address) => {
      asked.push(address)
      return CATALOGS['de']
    })
    expect(tags).toEqual(['en', 'de', 'fr'])
    expect((await find(['en-GB', 'de']))?.tag).toBe('en')
    expect(asked).toEqual([])
    expect((await find(['de-AT']))?.say('allow')).toBe('Erlauben')
    expect((await find(['de']))?.say('allow')).toBe('Erlauben')
    expect(asked).toEqual(['/de.json'])
  })

  test.each([
    ['cannot be had', () => Promise.reject(new TypeError('Failed to fetch'))],
    ['is something else', async () => ({ go: 'Weiter' })],
    ['is nothing', async () => null],
  ])('that %s is none, and is asked for again', async (_, read) => {
    let isThere = false
    const { find } = files(async () => (isThere ? CATALOGS['de'] : read()))
    expect(await find(['de'])).toBeNull()
    isThere = true
    expect((await find(['de']))?.tag).toBe('de')
  })

  test('that nobody has is none', async () => {
    expect(await languagesOf().find(['de'])).toBeNull()
    expect((await languagesOf().find(['de', 'en']))?.tag).toBe('en')
  })
})
