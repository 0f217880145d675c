import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { CID } from 'multiformats/cid'
import { expect, test } from 'vitest'

/** Node loads the packages as they are, on the original; vitest gives them the stand-in, as the bundles do. */
const original = createRequire(import.meta.url)

interface Judge {
  safeParse(value: unknown): {
    readonly success: boolean
    readonly data?: unknown
    readonly error?: { readonly issues: readonly object[]; readonly message: string }
  }
}

/** Of the provider only what is in the worker: not its sign-up, not its own pages. */
const PROVIDER = [
  'device/device-id.js',
  'lib/util/authorization-header.js',
  'request/code.js',
  'request/request-id.js',
  'request/request-uri.js',
  'signer/access-token-payload.js',
  'token/refresh-token.js',
  'token/token-id.js',
  'types/authorization-response-error.js',
  'types/par-response-error.js',
]
const filesOf = (name: string): string[] => {
  const folder = dirname(original.resolve(name))
  return readdirSync(folder)
    .filter((file) => file.endsWith('.js') && file !== 'index.js')
    .map((file) => join(folder, file))
}
const files = [
  ...['@atproto/did', '@atproto/jwk', '@atproto/oauth-types'].flatMap(filesOf),
  join(dirname(original.resolve('@atproto/repo')), 'types.js'),
  ...PROVIDER.map((file) => join(dirname(original.resolve('@atproto/oauth-provider/provider')), file)),
]

type Module = Readonly<Record<string, unknown>>
const isJudge = (value: unknown): value is Judge => typeof (value as Partial<Judge> | null)?.safeParse === 'function'
const judgesOf = (module: Module): [string, Judge][] =>
  Object.entries(module).flatMap(([name, value]) => {
    if (isJudge(value)) return [[name, value] as [string, Judge]]
    // @atproto/repo exports its own in one object.
    return name === 'schema' ? judgesOf(value as Module) : []
  })

const pairs = await Promise.all(
  files.map(async (file) => {
    const [ours, theirs] = [judgesOf((await import(/* @vite-ignore */ file)) as Module), judgesOf(original(file) as Module)]
    return theirs.map(([name, judge]) => ({ name, theirs: judge, ours: ours.find(([other]) => other === name)?.[1] }))
  }),
)
const schemas = pairs.flat()

const link = CID.parse('bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a')
const jwt = `${'e'.repeat(20)}.${'p'.repeat(20)}.${'s'.repeat(40)}`
const https = 'https://app.example.com/client-metadata.json'
const ec = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', alg: 'ES256', kid: 'one', use: 'sig', key_ops: ['verify'] }
const commit = { did: 'did:web:localhost', version: 3, data: link, rev: '3kvvvvvvvvvvv', prev: null, sig: new Uint8Array(64) }

/** What somebody may well send. */
const documents: readonly Readonly<Record<string, unknown>>[] = [
  {
    redirect_uris: ['https://app.example.com/back', 'http://127.0.0.1/back', 'com.example.app:/back'],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
    scope: 'atproto repo:*',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    application_type: 'web',
    jwks: { keys: [ec, { kty: 'EC' }] },
    jwks_uri: https,
    client_id: https,
    client_name: 'An app',
    client_uri: 'https://app.example.com',
    contacts: ['owner@app.example.com'],
    default_max_age: 1.5,
    dpop_bound_access_tokens: true,
    authorization_details_types: ['a'],
  },
  {
    client_id: https,
    state: 'state',
    redirect_uri: 'https://app.example.com/back',
    scope: 'atproto',
    response_type: 'code',
    code_challenge: 'challenge',
    code_challenge_method: 'S256',
    response_mode: 'form_post',
    max_age: '10',
    claims: '{"userinfo":{"name":null,"email":{"essential":true,"values":["a",1]}}}',
    login_hint: 'me.example',
    ui_locales: 'fr-CA en',
    id_token_hint: jwt,
    display: 'page',
    prompt: 'consent',
    authorization_details: '[{"type":"a","locations":["https://a.example"]}]',
    request: jwt,
    request_uri: 'urn:ietf:params:oauth:request_uri:req-0123456789abcdef0123456789abcdef',
  },
  {
    grant_type: 'authorization_code',
    code: 'cod-0123456789abcdef',
    redirect_uri: 'http://127.0.0.1:1234/back',
    code_verifier: 'v'.repeat(43),
    client_id: https,
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: jwt,
  },
  { grant_type: 'refresh_token', refresh_token: 'ref-1', client_id: 'http://localhost', client_secret: 'secret' },
  { grant_type: 'password', username: 'me', password: 'secret' },
  { grant_type: 'client_credentials' },
  { token: 'token', token_type_hint: 'refresh_token' },
  {
    issuer: 'https://pds.example.com',
    authorization_endpoint: 'https://pds.example.com/a',
    token_endpoint: 'http://localhost/t',
    scopes_supported: ['atproto'],
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    require_pushed_authorization_requests: true,
    pushed_authorization_request_endpoint: 'https://pds.example.com/par',
    token_endpoint_auth_signing_alg_values_supported: ['ES256'],
    protected_resources: ['https://pds.example.com'],
    prompt_values_supported: ['none', 'create'],
  },
  ec,
  { kty: 'RSA', n: 'n', e: 'AQAB', alg: 'PS256', kid: 'two', oth: [{ r: 'r' }] },
  { kty: 'EC', crv: 'secp256k1', x: 'x', y: 'y', d: 'd', use: 'sig' },
  { kty: 'OKP', crv: 'Ed25519', x: 'x', d: 'd', key_ops: ['sign', 'sign'] },
  { kty: 'oct', k: 'k', alg: 'HS256', revoked: { revoked_at: 1 } },
  { keys: [ec, null, { kty: 'oct', k: 'k' }] },
  {
    alg: 'ES256',
    typ: 'dpop+jwt',
    jwk: { kty: 'EC', crv: 'P-256', x: 'x', y: 'y' },
    jku: https,
    crit: ['b64'],
    x5c: ['a'],
    more: 1,
  },
  {
    iss: https,
    aud: ['a', 'b'],
    sub: 'did:web:localhost',
    exp: 10,
    iat: 1,
    jti: `tok-${'0'.repeat(32)}`,
    htm: 'GET',
    htu: 'https://pds.example.com/xrpc/a',
    cnf: { jkt: 'jkt', jwk: ec, jku: https },
    client_id: https,
    picture: 'https://a.example/p',
    birthdate: '1990-01-01',
    zoneinfo: 'Europe/Paris',
    locale: 'fr-FR',
    email_verified: true,
    address: { country: 'FR' },
    authorization_details: [{ type: 'a', more: 1 }],
    more: [1],
  },
  commit,
  { ...commit, version: 2 },
  { version: 1, roots: [link] },
]

const VALUES: readonly unknown[] = [
  undefined,
  null,
  true,
  false,
  0,
  -1,
  1.5,
  10_000,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  '',
  ' ',
  'text',
  'atproto',
  'code',
  'S256',
  'Bearer',
  'dpop',
  'consent',
  'query.jwt',
  '{',
  '[]',
  '{"a":1}',
  '10',
  '10.5',
  https,
  `${https}/`,
  `${https}#a`,
  'https://u:p@a.example/x',
  'https://a.example',
  'https://a.example/',
  'https://a.example/../x',

  'https://a.example?q=1',
  'https://localhost/x',
  'https://10.0.0.1/x',
  'https://printer.local/x',
  'https://single/x',
  'http://a.example/',

  'http://localhost/x',
  'http://127.0.0.1:80/x',
  'http://[::1]/x',
  'com.example.app:/x',
  'com.example.app://x',
  'app:/x',
  'test.app:/x',
  'ftp://a.b/',
  'did:plc:ewvi7nxzyoun6zhxrhs64oiz',
  'did:web:localhost%3A80',
  'did:web:a.example:b',
  'did:',
  'did:web:',
  'did:x:%zz',
  'did:a:b:',

  jwt,
  'a.b',
  'aa.bb.cc',
  'aa.bb.',
  'aa.bb.cc.dd',
  `${jwt}!`,
  'a@b',
  'me@example.com',
  'atproto  two',
  'invalid_scope',
  'login_required',
  `tok-${'0'.repeat(32)}`,
  `cod-${'0'.repeat(64)}`,
  `ref-${'0'.repeat(64)}`,
  `req-${'0'.repeat(32)}`,
  `dev-${'0'.repeat(32)}`,
  `urn:ietf:params:oauth:request_uri:req-${'0'.repeat(32)}`,
  'urn:ietf:params:oauth:request_uri:x',
  'ab'.repeat(32),
  'zz'.repeat(32),
  [],
  ['a'],
  ['DPoP', 'token'],
  ['Bearer', ''],
  ['Bearer', 'a', 'b'],
  [null],
  [undefined],
  [https, 1],
  [['a']],

  {},
  { a: 1 },
  { constructor: 1 },
  Object.create({ inherited: 1 }),
  new Date(0),
  new Map(),
  new Set(),
  new Uint8Array(32),
  new Uint8Array(1),
  link,
  () => {},
  Symbol('one'),
  1n,
]

/** Each with one thing about it changed: left out, added, or another. */
const changed = function* (document: Readonly<Record<string, unknown>>): Generator<Readonly<Record<string, unknown>>> {
  yield document
  yield { ...document, more: 1 }
  for (const key of Object.keys(document)) {
    yield Object.fromEntries(Object.entries(document).filter(([name]) => name !== key))
    for (const value of VALUES) {
      yield { ...document, [key]: value }
      if (Array.isArray(document[key])) yield { ...document, [key]: [...(document[key] as unknown[]), value] }
    }
  }
}

/** Some of them throw at what is wrong already; so be it. */
const judgement = (judge: Judge, value: unknown) => {
  try {
    const { success, data, error } = judge.safeParse(value)
    return success ? { data } : { issues: JSON.stringify(error?.issues, sorted), isError: error instanceof Error }
  } catch (cause) {
    return { thrown: String(cause) }
  }
}

/** The order of an issue's fields means nothing. */
const sorted = (_key: string, value: unknown): unknown => {
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

test('there is a schema for everything that the provider takes', () => {
  expect(schemas.length).toBeGreaterThan(80)
})

test.each(schemas)('$name judges as it does on the original, and says the same', ({ ours, theirs }) => {
  if (!ours) throw new Error('the stand-in lacks it')
  for (const value of [...VALUES, ...documents])
    expect(judgement(ours, value), `of ${String(JSON.stringify(value, sorted))}`).toEqual(judgement(theirs, value))
  for (const document of documents) {
    if (!('data' in judgement(theirs, document))) continue
    for (const value of changed(document)) {
      const [one, other] = [judgement(ours, value), judgement(theirs, value)]
      // `toEqual` of each would take minutes.
      if (JSON.stringify(one, sorted) !== JSON.stringify(other, sorted)) expect(one, `of ${JSON.stringify(value, sorted)}`).toEqual(other)
    }
  }
})
