/** HTTP itself: verbs, content types, bodies, preflights, addresses that are none; and methods that are not for everyone. */
import { gzipSync } from 'node:zlib'
import { address, type Call, procedure, query } from '../call.ts'

const CREATE = 'com.atproto.server.createSession'
const DESCRIBE = 'com.atproto.server.describeServer'
const JSON_TYPE = { 'content-type': 'application/json' }
const preflight = (method: string) => ({
  method: 'OPTIONS',
  headers: {
    origin: 'https://app.example',
    'access-control-request-method': method,
    'access-control-request-headers': 'authorization,content-type',
  },
})
const ADMIN = { as: 'nobody', headers: { authorization: 'Basic YWRtaW46bm90IGl0' } }
const OWNER = { as: 'owner' }

export const transport: readonly Call[] = [
  query('unknown-method', 'com.example.unknown'),
  procedure('unknown-method-post', 'com.example.unknown', { a: 1 }, { as: 'nobody' }),
  query('unknown-atproto-method', 'com.atproto.server.unknown'),
  query('unknown-atproto-method-owner', 'com.atproto.server.unknown', {}, OWNER),
  query('no-nsid', 'nonsense'),
  query('no-nsid-dots', 'com..server'),
  query('no-nsid-underscore', 'com.atproto.server.describe_server'),
  address('nothing-behind-xrpc', '/xrpc/'),
  address('more-behind-method', `/xrpc/${DESCRIBE}/more`),
  address('slash-behind-method', `/xrpc/${DESCRIBE}/`),
  address('no-such-page', '/no/such/page'),
  address('health', '/xrpc/_health'),
  address('robots', '/robots.txt'),
  query('query-post', DESCRIBE, {}, { method: 'POST' }),
  query('query-put', DESCRIBE, {}, { method: 'PUT' }),
  query('query-delete', DESCRIBE, {}, { method: 'DELETE' }),
  query('query-head', DESCRIBE, {}, { method: 'HEAD' }),
  query('procedure-get', CREATE),
  query('procedure-delete', CREATE, {}, { method: 'DELETE' }),
  query('query-with-origin', DESCRIBE, {}, { headers: { origin: 'https://app.example' } }),
  query('error-with-origin', 'com.atproto.server.getSession', {}, { headers: { origin: 'https://app.example' } }),
  query('preflight-query', DESCRIBE, {}, preflight('GET')),
  query('preflight-procedure', CREATE, {}, preflight('POST')),
  query('preflight-unknown', 'com.example.unknown', {}, preflight('POST')),
  procedure('json-malformed', CREATE, '{"identifier":', { as: 'nobody', headers: JSON_TYPE }),
  procedure('json-empty', CREATE, '', { as: 'nobody', headers: JSON_TYPE }),
  procedure('json-array', CREATE, [], { as: 'nobody', headers: JSON_TYPE }),
  procedure('json-with-charset', CREATE, '{"identifier":"nobody.test","password":"x"}', {
    as: 'nobody',
    headers: { 'content-type': 'application/json; charset=utf-8' },
  }),
  procedure('json-as-text', CREATE, '{"identifier":"a","password":"b"}', { as: 'nobody', headers: { 'content-type': 'text/plain' } }),
  procedure('json-as-form', CREATE, 'identifier=a&password=b', {
    as: 'nobody',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  }),
  procedure('json-gzipped', CREATE, gzipSync('{"identifier":"nobody.test","password":"x"}'), {
    as: 'nobody',
    headers: { ...JSON_TYPE, 'content-encoding': 'gzip' },
  }),
  procedure('json-encoded-unheard', CREATE, '{}', { as: 'nobody', headers: { ...JSON_TYPE, 'content-encoding': 'unheard' } }),
  procedure('json-huge', CREATE, { identifier: 'a', password: 'x'.repeat(5 * 1024 * 1024) }, { as: 'nobody' }),
  query('parameter-twice', 'com.atproto.identity.resolveHandle', { handle: ['alice.test', 'bob.test'] }),
]

export const administration: readonly Call[] = [
  query('admin-getAccountInfo', 'com.atproto.admin.getAccountInfo', ({ account }) => ({ did: account.did })),
  query('admin-getAccountInfo-owner', 'com.atproto.admin.getAccountInfo', ({ account }) => ({ did: account.did }), OWNER),
  query('admin-getAccountInfo-wrong-password', 'com.atproto.admin.getAccountInfo', ({ account }) => ({ did: account.did }), ADMIN),
  procedure('admin-deleteAccount', 'com.atproto.admin.deleteAccount', ({ account }) => ({ did: account.did }), { as: 'nobody' }),
  procedure('admin-sendEmail', 'com.atproto.admin.sendEmail', {
    recipientDid: 'did:web:a.test',
    content: 'x',
    senderDid: 'did:web:a.test',
  }),
  procedure('admin-updateSubjectStatus', 'com.atproto.admin.updateSubjectStatus', {}, ADMIN),
  query('temp-checkSignupQueue', 'com.atproto.temp.checkSignupQueue', {}, OWNER),
  query('temp-checkSignupQueue-without-token', 'com.atproto.temp.checkSignupQueue'),
  query('temp-checkHandleAvailability', 'com.atproto.temp.checkHandleAvailability', { handle: 'bob.test' }),
  query('temp-fetchLabels', 'com.atproto.temp.fetchLabels'),
  procedure('temp-requestPhoneVerification', 'com.atproto.temp.requestPhoneVerification', { phoneNumber: '1' }),
  query('lexicon-resolveLexicon', 'com.atproto.lexicon.resolveLexicon', { nsid: 'app.bsky.feed.post' }),
]
