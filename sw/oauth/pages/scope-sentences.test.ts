import { describe, expect, test } from 'vitest'
import { CATALOGS } from '../../languages/catalogs.ts'
import { ENGLISH } from '../../languages/english.ts'
import { GERMAN } from '../../languages/german.ts'
import { ENGLISH_WORDS, wordsOf } from '../../languages/words.ts'
import { describeScopes } from './scope-sentences.ts'

const describeScope = (scope: string) => describeScopes(ENGLISH_WORDS, scope.split(' '))
const sentences = (scope: string): string[] => describeScope(scope).map(({ sentence }) => sentence)
const wide = (scope: string): string[] => describeScope(scope).flatMap((each) => (each.isWide ? [each.scope] : []))

describe('a scope in plain sentences', () => {
  test.each([
    ['atproto', 'Know who you are: your handle and your DID'],
    ['transition:chat.bsky', 'Read and send your direct messages'],
    ['transition:email', 'See your e-mail address'],
    ['repo:app.bsky.feed.post', 'Create, change and delete posts'],
    ['repo:app.bsky.feed.like?action=create', 'Create likes'],
    [
      'repo?collection=app.bsky.feed.post&collection=com.example.note&action=create&action=delete',
      'Create and delete posts and records of the kind com.example.note',
    ],
    ['repo:*', 'Create, change and delete records of every kind, posts and profile included'],
    ['blob:image/*', 'Upload pictures'],
    ['blob:*/*', 'Upload files of any kind'],
    ['blob:application/pdf', 'Upload files of the type application/pdf'],
    [
      'rpc:app.bsky.feed.getTimeline?aud=did:web:api.bsky.app%23bsky_appview',
      'Call app.bsky.feed.getTimeline at api.bsky.app in your name',
    ],
    ['rpc:*?aud=did:web:api.bsky.app%23bsky_appview', 'Ask for anything at api.bsky.app in your name'],
    ['rpc:app.bsky.feed.getTimeline?aud=*', 'Call app.bsky.feed.getTimeline at any server in your name'],
    ['account:email', 'See your e-mail address'],
    ['account:email?action=manage', 'See and change your e-mail address'],
    ['account:repo?action=manage', 'Put another repo in place of yours, as when an account moves'],
    ['account:status?action=manage', 'Switch your account off and on'],
    ['identity:handle', 'Change your handle'],
    ['identity:*', 'Change your identity, handle and keys included: it could take the account away from you'],
  ])('%s', (scope, sentence) => {
    expect(sentences(scope)).toEqual([sentence])
  })

  test('one sentence for each value, none of them twice, in the order in which they are asked for', () => {
    expect(describeScope('atproto  blob:image/* atproto repo:*').map(({ scope }) => scope)).toEqual(['atproto', 'blob:image/*', 'repo:*'])
  })

  test('what has no words is shown as it is, and as something to look at twice', () => {
    expect(describeScope('space:thing')).toMatchObject([
      { sentence: 'Something that this server has no words for: space:thing', isWide: true },
    ])
  })

  test.each(['constructor', '__proto__', 'toString'])('nor is a name of the language something that is known: %s', (scope) => {
    expect(describeScope(scope)).toMatchObject([{ sentence: `Something that this server has no words for: ${scope}` }])
  })

  test('what reaches far is marked', () => {
    const asked =
      'atproto repo:app.bsky.feed.post repo:* rpc:a.b.c?aud=* rpc:*?aud=did:web:x.example%23s identity:handle account:email blob:*/* transition:generic'
    expect(wide(asked)).toEqual(['repo:*', 'rpc:a.b.c?aud=*', 'rpc:*?aud=did:web:x.example%23s', 'identity:handle', 'transition:generic'])
  })

  test('only `atproto` cannot be left out', () => {
    expect(describeScope('atproto transition:generic repo:*').map(({ isNeeded }) => isNeeded)).toEqual([true, false, false])
  })
})

describe('a permission set', () => {
  const set = {
    scope: 'include:com.example.calendar.basic',
    title: 'Basic <calendar>',
    detail: 'Read and write events',
    scopes: ['repo:com.example.calendar.event', 'rpc:com.example.calendar.list?aud=*'],
  }

  test('is told by what is in it; what its makers say of it is a claim', () => {
    const [described] = describeScopes(ENGLISH_WORDS, ['include:com.example.calendar.basic'], [set])
    expect(described).toEqual({
      scope: 'include:com.example.calendar.basic',
      sentence: 'What calendar.example.com calls “basic”',
      claim: 'Basic <calendar>: Read and write events',
      parts: [
        'Create, change and delete records of the kind com.example.calendar.event',
        'Call com.example.calendar.list at any server in your name',
      ],
      isNeeded: false,
      isWide: true,
    })
  })

  test('that is asked for twice is told by what it is for each time', () => {
    const [good, evil] = ['good.example', 'evil.example'].map((host) => ({
      scope: `include:com.example.calendar.basic?aud=did:web:${host}%23s`,
      scopes: [`rpc:com.example.calendar.list?aud=did:web:${host}%23s`],
    }))
    const described = describeScopes(ENGLISH_WORDS, [good!.scope, evil!.scope], [good!, evil!])
    expect(described.map(({ parts }) => parts)).toEqual([
      ['Call com.example.calendar.list at good.example in your name'],
      ['Call com.example.calendar.list at evil.example in your name'],
    ])
  })

  test('is told in the language of the page, the words of its makers where they have put them so', () => {
    const main = { 'title:lang': { 'de-DE': 'Kalender', fr: 7 }, 'detail:lang': 'none' }
    const claimIn = (tag: string) =>
      describeScopes(wordsOf(tag, CATALOGS[tag] ?? ENGLISH), ['include:com.example.calendar.basic'], [{ ...set, main }])[0]?.claim
    expect(claimIn('de')).toBe('Kalender: Read and write events')
    expect([claimIn('fr'), claimIn('en')]).toEqual(Array(2).fill('Basic <calendar>: Read and write events'))
    expect(describeScopes(wordsOf('de', GERMAN), ['include:com.example.calendar.basic'], [set])).toMatchObject([
      {
        sentence: 'Was calendar.example.com „basic“ nennt',
        parts: [
          'Einträge der Art com.example.calendar.event erstellen, ändern und löschen',
          'com.example.calendar.list bei jedem Server in deinem Namen aufrufen',
        ],
      },
    ])
  })

  test('that is not known says nothing about its contents', () => {
    expect(describeScope('include:com.example.calendar.basic')).toMatchObject([{ parts: [] }])
  })
})
