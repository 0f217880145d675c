/** The server itself, the account's settings, e-mail, and its end. */
import { type Call, procedure, query } from '../call.ts'
import { imports } from './blobs.ts'
import { EMAIL, NOBODY } from './values.ts'

const server = (name: string): string => `com.atproto.server.${name}`
const OWNER = { as: 'owner' }
const ANYONE = { as: 'nobody' }

export const account: readonly Call[] = [
  query('describeServer', server('describeServer')),
  query('checkAccountStatus', server('checkAccountStatus'), {}, OWNER),
  query('checkAccountStatus-without-token', server('checkAccountStatus')),
  query('getAccountInviteCodes', server('getAccountInviteCodes'), {}, OWNER),
  query('getAccountInviteCodes-unused', server('getAccountInviteCodes'), { includeUsed: 'false', createAvailable: 'false' }, OWNER),
  procedure('createInviteCode', server('createInviteCode'), { useCount: 1 }),
  procedure('createInviteCodes', server('createInviteCodes'), { codeCount: 1, useCount: 1 }),
  procedure('reserveSigningKey', server('reserveSigningKey'), {}, ANYONE),
  procedure('reserveSigningKey-did', server('reserveSigningKey'), { did: NOBODY }, ANYONE),
  procedure(
    'createAccount-taken-handle',
    server('createAccount'),
    ({ account }) => ({ handle: account.handle, email: 'b@c.test', password: 'long enough' }),
    ANYONE,
  ),
  procedure('createAccount-invalid-handle', server('createAccount'), { handle: 'no', email: 'b@c.test', password: 'long enough' }, ANYONE),
  procedure('createAccount-without-handle', server('createAccount'), { email: 'b@c.test', password: 'long enough' }, ANYONE),
  procedure(
    'createAccount-foreign-did-without-token',
    server('createAccount'),
    { handle: 'bob.test', email: 'b@c.test', password: 'long enough', did: NOBODY },
    ANYONE,
  ),
]

export const serviceAuth: readonly Call[] = [
  query('getServiceAuth', server('getServiceAuth'), { aud: 'did:web:video.example' }, OWNER),
  query('getServiceAuth-method', server('getServiceAuth'), { aud: 'did:web:video.example', lxm: 'com.atproto.repo.uploadBlob' }, OWNER),
  query('getServiceAuth-service', server('getServiceAuth'), { aud: 'did:web:video.example#service' }, OWNER),
  query('getServiceAuth-no-did', server('getServiceAuth'), { aud: 'https://video.example' }, OWNER),
  query('getServiceAuth-without-audience', server('getServiceAuth'), {}, OWNER),
  query('getServiceAuth-past', server('getServiceAuth'), { aud: 'did:web:video.example', exp: '1' }, OWNER),
  query('getServiceAuth-far-future', server('getServiceAuth'), { aud: 'did:web:video.example', exp: '99999999999', lxm: 'a.b.c' }, OWNER),
  query('getServiceAuth-protected', server('getServiceAuth'), { aud: 'did:web:a.example', lxm: server('createAppPassword') }, OWNER),
  query('getServiceAuth-exp-no-number', server('getServiceAuth'), { aud: 'did:web:a.example', exp: 'soon' }, OWNER),
  query('getServiceAuth-without-token', server('getServiceAuth'), { aud: 'did:web:video.example' }),
]

export const email: readonly Call[] = [
  procedure('requestEmailConfirmation', server('requestEmailConfirmation')),
  procedure('requestEmailConfirmation-without-token', server('requestEmailConfirmation'), undefined, ANYONE),
  procedure('confirmEmail-bad-token', server('confirmEmail'), { email: EMAIL, token: 'AAAAA-AAAAA' }),
  procedure('confirmEmail-other-address', server('confirmEmail'), (side) => ({ email: 'other@compared.test', token: side.kept('mail') }), {
    mail: 'confirm-email',
  }),
  procedure('confirmEmail', server('confirmEmail'), (side) => ({ email: EMAIL, token: side.kept('mail') })),
  procedure('confirmEmail-again', server('confirmEmail'), (side) => ({ email: EMAIL, token: side.kept('mail') })),
  procedure('requestEmailConfirmation-confirmed', server('requestEmailConfirmation')),
  query('getSession-confirmed', server('getSession'), {}, OWNER),
  procedure('requestEmailUpdate', server('requestEmailUpdate')),
  procedure('updateEmail-without-mail', server('updateEmail'), { email: 'new@compared.test' }),
  procedure('updateEmail-bad-token', server('updateEmail'), { email: 'new@compared.test', token: 'AAAAA-AAAAA' }),
  procedure('updateEmail-invalid', server('updateEmail'), { email: 'no address' }),
  procedure('updateEmail', server('updateEmail'), (side) => ({ email: 'new@compared.test', token: side.kept('mail') }), {
    mail: 'update-email',
  }),
  procedure('requestPasswordReset-unknown', server('requestPasswordReset'), { email: 'nobody@compared.test' }, ANYONE),
  procedure('requestPasswordReset-without-address', server('requestPasswordReset'), {}, ANYONE),
  procedure('requestPasswordReset', server('requestPasswordReset'), { email: 'new@compared.test' }, ANYONE),
  procedure('resetPassword-bad-token', server('resetPassword'), { token: 'AAAAA-AAAAA', password: 'long enough' }, ANYONE),
  procedure('resetPassword', server('resetPassword'), (side) => ({ token: side.kept('mail'), password: side.account.password }), {
    ...ANYONE,
    mail: 'reset-password',
  }),
  procedure('resetPassword-again', server('resetPassword'), (side) => ({ token: side.kept('mail'), password: 'long enough' }), ANYONE),
  query('getSession-after-resetPassword', server('getSession'), {}, OWNER),
  procedure('refreshSession-after-resetPassword', server('refreshSession'), undefined, { as: 'refresh' }),
  procedure(
    'createSession-after-resetPassword',
    server('createSession'),
    ({ account }) => ({ identifier: account.did, password: account.password }),
    {
      ...ANYONE,
      keep: { owner: 'accessJwt', refresh: 'refreshJwt' },
    },
  ),
]

/** The last of all. */
export const farewell: readonly Call[] = [
  procedure('activateAccount-active', server('activateAccount')),
  procedure('deactivateAccount-without-token', server('deactivateAccount'), {}, ANYONE),
  procedure('deactivateAccount-no-date', server('deactivateAccount'), { deleteAfter: 'soon' }),
  procedure('deactivateAccount', server('deactivateAccount'), { deleteAfter: '2036-01-01T00:00:00.000Z' }),
  query('checkAccountStatus-deactivated', server('checkAccountStatus'), {}, OWNER),
  query('getSession-deactivated', server('getSession'), {}, OWNER),
  procedure(
    'createSession-deactivated',
    server('createSession'),
    ({ account }) => ({ identifier: account.did, password: account.password }),
    ANYONE,
  ),
  procedure('createRecord-deactivated', 'com.atproto.repo.createRecord', ({ account }) => ({
    repo: account.did,
    collection: 'com.example.note',
    record: { text: 'still here?' },
  })),
  query('getTimeline-deactivated', 'app.bsky.feed.getTimeline', {}, OWNER),
  query('getRepo-deactivated', 'com.atproto.sync.getRepo', ({ account }) => ({ did: account.did })),
  query('getLatestCommit-deactivated', 'com.atproto.sync.getLatestCommit', ({ account }) => ({ did: account.did })),
  query('getRepoStatus-deactivated', 'com.atproto.sync.getRepoStatus', ({ account }) => ({ did: account.did })),
  query('listBlobs-deactivated', 'com.atproto.sync.listBlobs', ({ account }) => ({ did: account.did })),
  query('listRepos-deactivated', 'com.atproto.sync.listRepos'),
  query('getRecord-deactivated', 'com.atproto.repo.getRecord', ({ account }) => ({
    repo: account.did,
    collection: 'app.bsky.actor.profile',
    rkey: 'self',
  })),
  query('describeRepo-deactivated', 'com.atproto.repo.describeRepo', ({ account }) => ({ repo: account.did })),
  query('resolveHandle-deactivated', 'com.atproto.identity.resolveHandle', ({ account }) => ({ handle: account.handle })),
  query('getPreferences-deactivated', 'app.bsky.actor.getPreferences', {}, OWNER),
  query('getServiceAuth-deactivated', server('getServiceAuth'), { aud: 'did:web:video.example' }, OWNER),
  ...imports('-deactivated'),
  procedure('deactivateAccount-again', server('deactivateAccount'), {}),
  procedure('activateAccount', server('activateAccount')),
  query('getRepoStatus-activated', 'com.atproto.sync.getRepoStatus', ({ account }) => ({ did: account.did })),
  procedure('requestAccountDelete', server('requestAccountDelete')),
  procedure(
    'deleteAccount-bad-token',
    server('deleteAccount'),
    ({ account }) => ({ did: account.did, password: account.password, token: 'AAAAA-AAAAA' }),
    ANYONE,
  ),
  procedure(
    'deleteAccount-wrong-password',
    server('deleteAccount'),
    (side) => ({ did: side.account.did, password: 'wrong', token: side.kept('mail') }),
    {
      ...ANYONE,
      mail: 'delete-account',
    },
  ),
  procedure('deleteAccount-unknown', server('deleteAccount'), { did: NOBODY, password: 'wrong', token: 'AAAAA-AAAAA' }, ANYONE),
  procedure(
    'deleteAccount',
    server('deleteAccount'),
    (side) => ({ did: side.account.did, password: side.account.password, token: side.kept('mail') }),
    ANYONE,
  ),
]
