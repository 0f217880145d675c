/** Signing in and out, tokens good and bad, app passwords. */
import { type Call, procedure, query } from '../call.ts'
import { EMAIL, NOBODY } from './values.ts'

const SESSION = { owner: 'accessJwt', refresh: 'refreshJwt' }
const CREATE = 'com.atproto.server.createSession'
const GET = 'com.atproto.server.getSession'
const REFRESH = 'com.atproto.server.refreshSession'
const DELETE = 'com.atproto.server.deleteSession'
const CREATE_APP = 'com.atproto.server.createAppPassword'
const as = (who: string) => ({ as: who })
const shows = (authorization: string) => ({ as: 'nobody', headers: { authorization } })

export const signIn: readonly Call[] = [
  procedure('createSession', CREATE, ({ account }) => ({ identifier: account.handle, password: account.password }), {
    as: 'nobody',
    keep: SESSION,
  }),
  // Both have the same address from here on, not yet confirmed.
  procedure('updateEmail-unconfirmed', 'com.atproto.server.updateEmail', { email: EMAIL }),
  procedure('createSession-did', CREATE, ({ account }) => ({ identifier: account.did, password: account.password }), as('nobody')),
  procedure('createSession-email', CREATE, ({ account }) => ({ identifier: EMAIL, password: account.password }), as('nobody')),
  procedure(
    'createSession-upper-case',
    CREATE,
    ({ account }) => ({ identifier: account.handle.toUpperCase(), password: account.password }),
    as('nobody'),
  ),
  procedure('createSession-wrong-password', CREATE, ({ account }) => ({ identifier: account.did, password: 'wrong' }), as('nobody')),
  procedure('createSession-unknown', CREATE, { identifier: 'nobody.test', password: 'wrong' }, as('nobody')),
  procedure('createSession-unknown-did', CREATE, { identifier: NOBODY, password: 'wrong' }, as('nobody')),
  procedure('createSession-without-password', CREATE, { identifier: 'nobody.test' }, as('nobody')),
  procedure('createSession-password-is-a-number', CREATE, { identifier: 'nobody.test', password: 1 }, as('nobody')),
  procedure('createSession-without-input', CREATE, undefined, as('nobody')),
]

export const sessions: readonly Call[] = [
  query('getSession', GET, {}, as('owner')),
  query('getSession-without-token', GET),
  query('getSession-empty-bearer', GET, {}, shows('Bearer ')),
  query('getSession-basic', GET, {}, shows('Basic YWRtaW46YWRtaW4=')),
  query('getSession-unknown-scheme', GET, {}, shows('Token abc')),
  query('getSession-no-scheme', GET, {}, shows('abc')),
  query('getSession-no-jwt', GET, {}, shows('Bearer abc')),
  query('getSession-unsigned-jwt', GET, {}, shows('Bearer eyJhbGciOiJub25lIn0.eyJzY29wZSI6ImNvbS5hdHByb3RvLmFjY2VzcyJ9.')),
  query('getSession-dpop', GET, {}, shows('DPoP abc')),
  query('getSession-refresh-token', GET, {}, as('refresh')),
  procedure('refreshSession-access-token', REFRESH),
  procedure('refreshSession-without-token', REFRESH, undefined, as('nobody')),
  procedure('refreshSession', REFRESH, undefined, { as: 'refresh', keep: { second: 'refreshJwt' } }),
  procedure('refreshSession-again-within-grace', REFRESH, undefined, as('refresh')),
  procedure('refreshSession-with-input', REFRESH, { a: 1 }, as('second')),
  procedure('deleteSession-access-token', DELETE),
  procedure('deleteSession-without-token', DELETE, undefined, as('nobody')),
  procedure('createSession-to-end', CREATE, ({ account }) => ({ identifier: account.did, password: account.password }), {
    as: 'nobody',
    keep: { ended: 'refreshJwt' },
  }),
  procedure('deleteSession', DELETE, undefined, as('ended')),
  procedure('deleteSession-again', DELETE, undefined, as('ended')),
  procedure('refreshSession-after-deleteSession', REFRESH, undefined, as('ended')),
]

export const appPasswords: readonly Call[] = [
  procedure('createAppPassword', CREATE_APP, { name: 'phone' }, { keep: { appPassword: 'password' } }),
  procedure('createAppPassword-privileged', CREATE_APP, { name: 'chat', privileged: true }, { keep: { privilegedPassword: 'password' } }),
  procedure('createAppPassword-same-name', CREATE_APP, { name: 'phone' }),
  procedure('createAppPassword-without-name', CREATE_APP, {}),
  procedure('createAppPassword-without-token', CREATE_APP, { name: 'x' }, as('nobody')),
  query('listAppPasswords', 'com.atproto.server.listAppPasswords', {}, as('owner')),
  procedure('createSession-app-password', CREATE, (side) => ({ identifier: side.account.did, password: side.kept('appPassword') }), {
    as: 'nobody',
    keep: { app: 'accessJwt' },
  }),
  procedure(
    'createSession-privileged-app-password',
    CREATE,
    (side) => ({ identifier: side.account.did, password: side.kept('privilegedPassword') }),
    { as: 'nobody', keep: { privileged: 'accessJwt' } },
  ),
  query('getSession-app-password', GET, {}, as('app')),
  procedure('createAppPassword-app-password', CREATE_APP, { name: 'y' }, as('app')),
  query('listAppPasswords-app-password', 'com.atproto.server.listAppPasswords', {}, as('app')),
  procedure('requestAccountDelete-app-password', 'com.atproto.server.requestAccountDelete', undefined, as('app')),
  procedure('deactivateAccount-app-password', 'com.atproto.server.deactivateAccount', {}, as('app')),
  procedure('updateEmail-app-password', 'com.atproto.server.updateEmail', { email: 'x@y.test' }, as('app')),
  query('listConvos-app-password', 'chat.bsky.convo.listConvos', {}, as('app')),
  query(
    'getServiceAuth-chat-app-password',
    'com.atproto.server.getServiceAuth',
    { aud: 'did:web:api.bsky.chat', lxm: 'chat.bsky.convo.listConvos' },
    as('app'),
  ),
  query(
    'getServiceAuth-chat-privileged',
    'com.atproto.server.getServiceAuth',
    { aud: 'did:web:api.bsky.chat', lxm: 'chat.bsky.convo.listConvos' },
    as('privileged'),
  ),
  procedure('revokeAppPassword', 'com.atproto.server.revokeAppPassword', { name: 'phone' }),
  procedure('revokeAppPassword-unknown', 'com.atproto.server.revokeAppPassword', { name: 'never' }),
  procedure(
    'createSession-revoked-app-password',
    CREATE,
    (side) => ({ identifier: side.account.did, password: side.kept('appPassword') }),
    as('nobody'),
  ),
]
