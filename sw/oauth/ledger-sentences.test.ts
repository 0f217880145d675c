import { expect, test } from 'vitest'
import type { OAuthLedgerRow } from '../store/oauth-schema.ts'
import { AGAIN, sayEntry } from './ledger-sentences.ts'

const SITE = { clientId: 'http://127.0.0.1:8080/' }
const APP = { clientId: 'https://app.example/client.json' }

test.each<readonly [Omit<OAuthLedgerRow, 'at'>, string]>([
  [{ what: 'sign-in', outcome: 'done', note: 'password' }, 'Signed in with the password'],
  [{ what: 'sign-in', outcome: 'done', note: 'passkey' }, 'Signed in with a passkey'],
  [{ what: 'sign-in', outcome: 'refused', note: 'password: RateLimitExceeded' }, 'A sign-in failed (password: RateLimitExceeded)'],
  [{ what: 'sign-out', outcome: 'done' }, 'Signed out'],
  [{ what: 'consent', outcome: 'done', ...APP }, 'Allowed app.example'],
  [{ what: 'consent', outcome: 'done', clientId: 'http://localhost?scope=atproto' }, 'Allowed an app on this computer'],
  [{ what: 'consent', outcome: 'done', ...APP, note: AGAIN }, 'Let app.example in again without a question, as it was allowed before'],
  [{ what: 'denial', outcome: 'refused', ...APP }, 'Refused app.example'],
  [{ what: 'refresh', outcome: 'refused', ...APP }, 'app.example was not given new access'],
  [{ what: 'revocation', outcome: 'done', ...APP }, 'Ended the access of app.example'],
  [{ what: 'end', outcome: 'done', note: 'its key is gone', ...APP }, 'The access of app.example ended: its key is gone'],
  [{ what: 'passkey', outcome: 'done', note: 'added' }, 'A passkey was added'],
  [{ what: 'site', outcome: 'done', note: 'redirect', ...SITE }, 'Let 127.0.0.1:8080 know who you are'],
  [{ what: 'site', outcome: 'done', note: 'fedcm', ...SITE }, 'Let 127.0.0.1:8080 know who you are, asked by the browser'],
  [{ what: 'site', outcome: 'refused', note: 'redirect', ...SITE }, 'Did not let 127.0.0.1:8080 know who you are'],
  [{ what: 'site-end', outcome: 'done', note: 'forgotten', ...SITE }, 'Forgot 127.0.0.1:8080: what it held is worth nothing'],
  [
    { what: 'site-end', outcome: 'done', note: 'its code came twice', ...SITE },
    'What 127.0.0.1:8080 held is worth nothing any more: its code came twice',
  ],
])('%j', (row, sentence) => {
  expect(sayEntry({ at: 0, ...row })).toEqual({ at: 0, what: sentence })
})

test('where and for what it was stands beside it', () => {
  const row: OAuthLedgerRow = {
    at: 0,
    what: 'consent',
    outcome: 'done',
    ...APP,
    scope: 'atproto repo:*',
    until: 86_400_000,
    device: 'Firefox on Linux',
    address: '192.0.2.7',
  }
  expect(sayEntry(row).detail).toBe('atproto repo:* · until 2 Jan 1970, 00:00 UTC · in Firefox on Linux · from 192.0.2.7')
})
