/** Requests of apps that an owner has let in, each in a grant of its own: codes and tokens used rightly, twice, by others, and for what was not granted. */
import { loopbackId } from '../../../fixtures/loopback-app.ts'
import { hashOf, type ProofFaults, type RawClient } from './client.ts'

export interface Granted {
  readonly client: RawClient
  /** Not yet exchanged. */
  readonly code: string
  /** Another app on the same machine: another key. */
  readonly other: RawClient
  readonly did: string
  /** Of a session that was opened with the owner's password. */
  readonly legacyToken: string
}

export interface GrantedExchange {
  /** Named in docs/differences.md. */
  readonly id: string
  readonly scope: string
  readonly run: (granted: Granted) => Promise<Response>
}

export const EVERYTHING = 'atproto transition:generic'

interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
}

const exchange = (id: string, run: GrantedExchange['run'], scope = EVERYTHING): GrantedExchange => ({ id: `oauth-${id}`, run, scope })
/** Once the code is exchanged. */
const withTokens = (id: string, run: (tokens: Tokens, granted: Granted) => Promise<Response>, scope = EVERYTHING): GrantedExchange =>
  exchange(id, async (granted) => run(await tokensOf(granted, scope), granted), scope)
const tokensOf = async ({ client, code }: Granted, scope: string): Promise<Tokens> => {
  const response = await client.exchange(code, { client_id: loopbackId(scope) })
  if (!response.ok) throw new Error(`the code was refused: ${await response.text()}`)
  return (await response.json()) as Tokens
}

const codes: readonly GrantedExchange[] = [
  exchange('code', ({ client, code }) => client.exchange(code)),
  exchange('code-twice', async ({ client, code }) => (await client.exchange(code), client.exchange(code))),
  exchange('code-twice-ends-the-grant', async ({ client, code }) => {
    const { access_token } = (await (await client.exchange(code)).json()) as Tokens
    await client.exchange(code)
    return client.call(SESSION, access_token)
  }),
  exchange(
    'code-after-a-wrong-one',
    async ({ client, code }) => (await client.exchange(code, { code_verifier: 'w'.repeat(50) }), client.exchange(code)),
  ),
  exchange('code-after-a-wrong-nonce', async ({ client, code }) => {
    const proof = await client.proof('POST', '/oauth/token', { claims: { nonce: 'bm90IGEgbm9uY2Ugb2YgdGhpcyBzZXJ2ZXI' } })
    await client.exchange(code, {}, { proof })
    return client.exchange(code)
  }),
  exchange('code-other-verifier', ({ client, code }) => client.exchange(code, { code_verifier: 'w'.repeat(50) })),
  exchange('code-without-verifier', ({ client, code }) => client.exchange(code, { code_verifier: undefined })),
  exchange('code-challenge-as-verifier', ({ client, code }) => client.exchange(code, { code_verifier: 'short' })),
  exchange('code-other-redirect', ({ client, code }) => client.exchange(code, { redirect_uri: 'http://127.0.0.1:20099/other' })),
  exchange('code-without-redirect', ({ client, code }) => client.exchange(code, { redirect_uri: undefined })),
  exchange('code-of-another-client', ({ client, code }) => client.exchange(code, { client_id: loopbackId('atproto') })),
  exchange('code-by-another-key', ({ other, code }) => other.exchange(code)),
]

const refreshes: readonly GrantedExchange[] = [
  withTokens('refresh', ({ refresh_token }, { client }) => client.refresh(refresh_token)),
  withTokens('refresh-by-another-key', ({ refresh_token }, { other }) => other.refresh(refresh_token)),
  withTokens('refresh-of-another-client', ({ refresh_token }, { client }) =>
    client.refresh(refresh_token, { client_id: loopbackId('atproto') }),
  ),
  withTokens('refresh-with-access-token', ({ access_token }, { client }) => client.refresh(access_token)),
  withTokens(
    'refresh-twice',
    async ({ refresh_token }, { client }) => (await client.refresh(refresh_token), client.refresh(refresh_token)),
  ),
  withTokens('refresh-ends-the-token-before', async ({ access_token, refresh_token }, { client }) => {
    await client.refresh(refresh_token)
    return client.call(SESSION, access_token)
  }),
  withTokens('revoke', async ({ refresh_token }, { client }) => revoke(client, refresh_token)),
  withTokens(
    'revoke-then-refresh',
    async ({ refresh_token }, { client }) => (await revoke(client, refresh_token), client.refresh(refresh_token)),
  ),
  withTokens(
    'revoke-then-call',
    async ({ access_token, refresh_token }, { client }) => (await revoke(client, refresh_token), client.call(SESSION, access_token)),
  ),
  withTokens(
    'revoke-access-then-refresh',
    async ({ access_token, refresh_token }, { client }) => (await revoke(client, access_token), client.refresh(refresh_token)),
  ),
]

const SESSION = '/xrpc/com.atproto.server.getSession'
const revoke = (client: RawClient, token: string): Promise<Response> =>
  client.post('/oauth/revoke', { client_id: loopbackId(EVERYTHING), token })
const callWith = (id: string, faults: ProofFaults): GrantedExchange =>
  withTokens(`call-${id}`, async ({ access_token }, { client }) => {
    await client.call(SESSION, access_token)
    // One try: the nonce is known.
    return client.call(SESSION, access_token, { faults })
  })

const proofs: readonly GrantedExchange[] = [
  callWith('right', {}),
  callWith('without-token-hash', { claims: { ath: undefined } }),
  callWith('other-token-hash', { claims: { ath: 'fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo' } }),
  callWith('other-method', { claims: { htm: 'POST' } }),
  callWith('other-path', { claims: { htu: 'http://localhost/xrpc/com.atproto.server.other' } }),
  callWith('other-host', { claims: { htu: `https://evil.example.com${SESSION}` } }),
  callWith('forged', { isForged: true }),
  callWith('other-nonce', { claims: { nonce: 'bm90IGEgbm9uY2Ugb2YgdGhpcyBzZXJ2ZXI' } }),
  withTokens('call-first', async ({ access_token }, { client }) =>
    client.call(SESSION, access_token, { proof: await client.proof('GET', SESSION) }),
  ),
  withTokens('call-granted-without-proof', ({ access_token }, { client }) => client.call(SESSION, access_token, { proof: null })),
  withTokens('call-by-another-key', ({ access_token }, { other }) => other.call(SESSION, access_token)),
  withTokens('call-replayed', async ({ access_token }, { client }) => {
    await client.call(SESSION, access_token)
    const proof = await client.proof('GET', SESSION, { claims: { ath: await hashOf(access_token) } })
    await client.call(SESSION, access_token, { proof })
    return client.call(SESSION, access_token, { proof })
  }),
  withTokens('call-as-bearer', ({ access_token }, { client }) =>
    client.call(SESSION, access_token, { headers: { authorization: `Bearer ${access_token}` } }),
  ),
  withTokens('call-with-refresh-token', ({ refresh_token }, { client }) => client.call(SESSION, refresh_token)),
  exchange('call-with-legacy-token', ({ client, legacyToken }) => client.call(SESSION, legacyToken)),
]

const json = (client: RawClient, token: string, nsid: string, body: object): Promise<Response> =>
  client.callWith(`/xrpc/${nsid}`, token, JSON.stringify(body), { 'content-type': 'application/json' })
const bytes = (client: RawClient, token: string, nsid: string, type: string): Promise<Response> =>
  client.callWith(`/xrpc/${nsid}`, token, 'some text', { 'content-type': type })
const reading = (id: string, scope: string, path: string): GrantedExchange =>
  withTokens(`scope-${id}`, ({ access_token }, { client }) => client.call(`/xrpc/${path}`, access_token), scope)
const writing = (id: string, scope: string, nsid: string, body: (granted: Granted) => object): GrantedExchange =>
  withTokens(`scope-${id}`, ({ access_token }, granted) => json(granted.client, access_token, nsid, body(granted)), scope)
const bare = (id: string, scope: string, nsid: string): GrantedExchange =>
  withTokens(`scope-${id}`, ({ access_token }, { client }) => client.callWith(`/xrpc/${nsid}`, access_token), scope)

const NOTE = 'com.example.note'
const note = ({ did }: Granted) => ({ repo: did, collection: NOTE, record: { $type: NOTE, text: 'by an app' } })
const put = (granted: Granted) => ({ ...note(granted), rkey: 'put' })
const repo = (name: string): string => `com.atproto.repo.${name}`
const server = (name: string): string => `com.atproto.server.${name}`
const identity = (name: string): string => `com.atproto.identity.${name}`

const scopes: readonly GrantedExchange[] = [
  writing('create-none', 'atproto', repo('createRecord'), note),
  writing('create-other', 'atproto repo:com.example.other', repo('createRecord'), note),
  writing('create', `atproto repo:${NOTE}?action=create`, repo('createRecord'), note),
  writing('create-only-delete', `atproto repo:${NOTE}?action=delete`, repo('createRecord'), note),
  writing('put-only-create', `atproto repo:${NOTE}?action=create`, repo('putRecord'), put),
  writing('put', `atproto repo:${NOTE}`, repo('putRecord'), put),
  writing('delete-only-create', `atproto repo:${NOTE}?action=create`, repo('deleteRecord'), put),
  writing('delete', 'atproto repo:*?action=delete', repo('deleteRecord'), put),
  writing('apply-one-missing', `atproto repo:${NOTE}`, repo('applyWrites'), (granted) => ({
    repo: granted.did,
    writes: [NOTE, 'com.example.other'].map((collection) => ({
      $type: 'com.atproto.repo.applyWrites#create',
      collection,
      value: { $type: collection },
    })),
  })),
  writing('create-for-another', EVERYTHING, repo('createRecord'), () => ({
    repo: 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa',
    collection: NOTE,
    record: {},
  })),
  withTokens('scope-blob-none', ({ access_token }, { client }) => bytes(client, access_token, repo('uploadBlob'), 'text/plain'), 'atproto'),
  withTokens(
    'scope-blob-other',
    ({ access_token }, { client }) => bytes(client, access_token, repo('uploadBlob'), 'text/plain'),
    'atproto blob:image/*',
  ),
  withTokens(
    'scope-blob',
    ({ access_token }, { client }) => bytes(client, access_token, repo('uploadBlob'), 'text/plain; charset=utf-8'),
    'atproto blob:text/*',
  ),
  withTokens(
    'scope-import-none',
    ({ access_token }, { client }) => bytes(client, access_token, repo('importRepo'), 'application/vnd.ipld.car'),
    EVERYTHING,
  ),
  reading('missing-blobs', 'atproto', repo('listMissingBlobs')),
  reading('session-none', 'atproto', server('getSession')),
  reading('session-email', 'atproto transition:email', server('getSession')),
  reading('status', 'atproto', server('checkAccountStatus')),
  reading('app-passwords', EVERYTHING, server('listAppPasswords')),
  writing('app-password-new', EVERYTHING, server('createAppPassword'), () => ({ name: 'by an app' })),
  writing('app-password-revoke', EVERYTHING, server('revokeAppPassword'), () => ({ name: 'by an app' })),
  bare('activate', EVERYTHING, server('activateAccount')),
  writing('deactivate', EVERYTHING, server('deactivateAccount'), () => ({})),
  bare('delete-request', EVERYTHING, server('requestAccountDelete')),
  bare('email-confirmation', EVERYTHING, server('requestEmailConfirmation')),
  bare('email-update-request', `${EVERYTHING} account:email?action=manage`, server('requestEmailUpdate')),
  writing('email-update', `${EVERYTHING} account:email?action=manage`, server('updateEmail'), () => ({ email: 'new@compared.test' })),
  reading('invite-codes', EVERYTHING, server('getAccountInviteCodes')),
  reading('signup-queue', EVERYTHING, 'com.atproto.temp.checkSignupQueue'),
  writing('handle-none', EVERYTHING, identity('updateHandle'), () => ({ handle: 'changed.test' })),
  bare('plc-request', `${EVERYTHING} identity:handle`, identity('requestPlcOperationSignature')),
  writing('plc-sign', EVERYTHING, identity('signPlcOperation'), () => ({})),
  writing('plc-submit', EVERYTHING, identity('submitPlcOperation'), () => ({ operation: {} })),
  reading('credentials', 'atproto', identity('getRecommendedDidCredentials')),
  reading('service-auth-none', 'atproto', `${server('getServiceAuth')}?aud=did:web:video.example&lxm=com.example.do`),
  reading('service-auth-all-methods', 'atproto rpc:com.example.do?aud=*', `${server('getServiceAuth')}?aud=did:web:video.example`),
  reading('service-auth', 'atproto rpc:com.example.do?aud=*', `${server('getServiceAuth')}?aud=did:web:video.example&lxm=com.example.do`),
  reading('service-auth-chat', EVERYTHING, `${server('getServiceAuth')}?aud=did:web:api.bsky.chat&lxm=chat.bsky.convo.getLog`),
  reading(
    'service-auth-protected',
    EVERYTHING,
    `${server('getServiceAuth')}?aud=did:web:video.example&lxm=com.atproto.server.createAppPassword`,
  ),
  reading('preferences-none', 'atproto', 'app.bsky.actor.getPreferences'),
  reading('preferences', EVERYTHING, 'app.bsky.actor.getPreferences'),
  reading('timeline-none', 'atproto', 'app.bsky.feed.getTimeline'),
  reading('chat-none', EVERYTHING, 'chat.bsky.convo.listConvos'),
  reading(
    'feed-half',
    'atproto rpc:app.bsky.feed.getFeed?aud=*',
    'app.bsky.feed.getFeed?feed=at://did:web:a.example/app.bsky.feed.generator/b',
  ),
]

export const grantedExchanges: readonly GrantedExchange[] = [codes, refreshes, proofs, scopes].flat()
