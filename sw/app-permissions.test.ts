import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isValidNsid } from '@atproto/syntax'
import { describe, expect, test } from 'vitest'
import { root } from '../scripts/root.ts'
import { APPVIEW, call as callOf, DID, errorOf, type Init, json, LABELER, servePod } from './served-pod.ts'

/** What an app may, method by method; one that the router knows and that has no row fails. */
type Decision =
  | 'for anyone'
  /** Any app. */
  | 'always'
  /** No app, whatever was granted to it. */
  | 'never'
  /** A guard of its own: no access token of anybody gets in. */
  | 'other tokens'
  /** Whoever has one of these; none of them has whoever has `but`. */
  | { readonly needs: readonly string[]; readonly but?: readonly string[] }

interface Row {
  readonly nsid: string
  readonly decision: Decision
  readonly query?: string
  readonly init?: Init
}

const row = (nsid: string, decision: Decision, query = '', init: Init = {}): Row => ({ nsid, decision, query, init })
const POST = 'app.bsky.feed.post'
const post = { $type: POST, text: 'by an app', createdAt: '2026-11-21T12:00:00.000Z' }
const written = { repo: DID, collection: POST, rkey: '3jzfcijpj2z2a', record: post }
const writeOf = (action: string) => ({ $type: `com.atproto.repo.applyWrites#${action}`, collection: POST, rkey: '3jzfcijpj2z2b' })
const EMAIL = {
  needs: ['account:email?action=manage'],
  but: ['account:email', 'account:repo?action=manage', 'transition:email', 'transition:generic'],
}
const IDENTITY = { needs: ['identity:*'], but: ['identity:handle', 'transition:generic'] }
const push = { serviceDid: 'did:web:labeler.example', token: 'abc', platform: 'web', appId: 'xyz.example' }
const forAppView = (nsid: string) => ({
  needs: [
    `rpc:${nsid}?aud=${encodeURIComponent(APPVIEW)}`,
    `rpc:${nsid}?aud=*`,
    `rpc:*?aud=${encodeURIComponent(APPVIEW)}`,
    'transition:generic',
  ],
  but: [
    `rpc:${nsid}?aud=${encodeURIComponent(LABELER)}`,
    'rpc:app.bsky.feed.getTimeline?aud=*',
    'transition:chat.bsky',
    'transition:email',
  ],
})
const repo = (actions: string, but: readonly string[]) => ({
  needs: [`repo:${POST}?${actions}`, `repo:${POST}`, 'repo:*', `repo:*?${actions}`, 'transition:generic'],
  but: [...but.map((query) => `repo:${POST}?${query}`), 'repo:app.bsky.feed.like', 'blob:*/*', 'transition:chat.bsky', 'transition:email'],
})
const atRepo = `?did=${encodeURIComponent(DID)}`
const NOTIFIED = ['registerPush', 'unregisterPush'].map((name) => `app.bsky.notification.${name}`)

const rows: readonly Row[] = [
  row('app.bsky.actor.getPreferences', forAppView('app.bsky.actor.getPreferences')),
  row('app.bsky.actor.putPreferences', forAppView('app.bsky.actor.putPreferences'), '', json({ preferences: [] })),
  ...NOTIFIED.map((nsid) =>
    row(
      nsid,
      {
        needs: [`rpc:${nsid}?aud=did:web:labeler.example%23bsky_notif`, `rpc:${nsid}?aud=*`, 'transition:generic'],
        but: [`rpc:${nsid}?aud=${encodeURIComponent(APPVIEW)}`],
      },
      '',
      json(push),
    ),
  ),

  row('com.atproto.identity.getRecommendedDidCredentials', 'always'),
  row('com.atproto.identity.refreshIdentity', 'always', '', json({ identifier: DID })),
  row('com.atproto.identity.requestPlcOperationSignature', IDENTITY, '', { method: 'POST' }),
  row('com.atproto.identity.signPlcOperation', IDENTITY, '', json({})),
  row('com.atproto.identity.submitPlcOperation', IDENTITY, '', json({ operation: {} })),
  row(
    'com.atproto.identity.updateHandle',
    { needs: ['identity:handle', 'identity:*'], but: ['transition:generic'] },
    '',
    json({ handle: 'renamed.test' }),
  ),
  row('com.atproto.identity.resolveDid', 'for anyone', atRepo),
  row('com.atproto.identity.resolveHandle', 'for anyone', '?handle=alice.test'),
  row('com.atproto.identity.resolveIdentity', 'for anyone', `?identifier=${encodeURIComponent(DID)}`),

  row(
    'com.atproto.moderation.createReport',
    {
      needs: [`rpc:com.atproto.moderation.createReport?aud=${encodeURIComponent(LABELER)}`, 'transition:generic'],
      but: [`rpc:com.atproto.moderation.createReport?aud=${encodeURIComponent(APPVIEW)}`],
    },
    '',
    {
      ...json({ reasonType: 'com.atproto.moderation.defs#reasonSpam', subject: { $type: 'com.atproto.admin.defs#repoRef', did: DID } }),
      proxy: LABELER,
    },
  ),

  row('com.atproto.repo.createRecord', repo('action=create', ['action=update', 'action=delete']), '', json(written)),
  row(
    'com.atproto.repo.putRecord',
    repo('action=create&action=update', ['action=create', 'action=update', 'action=delete']),
    '',
    json(written),
  ),
  row(
    'com.atproto.repo.deleteRecord',
    repo('action=delete', ['action=create&action=update']),
    '',
    json({ repo: DID, collection: POST, rkey: '3jzfcijpj2z2a' }),
  ),
  row(
    'com.atproto.repo.applyWrites',
    repo('action=create&action=update&action=delete', [
      'action=create',
      'action=update',
      'action=delete',
      'action=create&action=update',
      'action=update&action=delete',
    ]),
    '',
    json({ repo: DID, writes: [{ ...writeOf('create'), value: post }, { ...writeOf('update'), value: post }, writeOf('delete')] }),
  ),
  row(
    'com.atproto.repo.uploadBlob',
    { needs: ['blob:text/plain', 'blob:text/*', 'blob:*/*', 'transition:generic'], but: ['blob:image/*', 'blob:text/html', 'repo:*'] },
    '',
    {
      method: 'POST',
      headers: { 'content-type': 'Text/Plain; charset=utf-8' },
      body: 'words',
    },
  ),
  row('com.atproto.repo.importRepo', { needs: ['account:repo?action=manage'], but: ['account:repo', 'repo:*', 'transition:generic'] }, '', {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.ipld.car' },
    body: 'no car',
  }),
  row('com.atproto.repo.listMissingBlobs', 'always'),
  row('com.atproto.repo.describeRepo', 'for anyone', `?repo=${encodeURIComponent(DID)}`),
  row('com.atproto.repo.getRecord', 'for anyone', `?repo=${encodeURIComponent(DID)}&collection=${POST}&rkey=3jzfcijpj2z2a`),
  row('com.atproto.repo.listRecords', 'for anyone', `?repo=${encodeURIComponent(DID)}&collection=${POST}`),

  row('com.atproto.server.activateAccount', 'never', '', { method: 'POST' }),
  row('com.atproto.server.checkAccountStatus', 'always'),
  row('com.atproto.server.confirmEmail', EMAIL, '', json({ email: 'a@b.example', token: 'x' })),
  row('com.atproto.server.createAppPassword', 'never', '', json({ name: 'x' })),
  row(
    'com.atproto.server.deactivateAccount',
    { needs: ['account:status?action=manage'], but: ['account:status', 'transition:generic'] },
    '',
    json({}),
  ),
  row('com.atproto.server.getAccountInviteCodes', 'never'),
  row(
    'com.atproto.server.getServiceAuth',
    {
      needs: ['rpc:com.example.doIt?aud=did:web:labeler.example%23atproto_labeler', 'rpc:com.example.doIt?aud=*', 'transition:generic'],
      but: ['rpc:com.example.doOther?aud=*', 'rpc:com.example.doIt?aud=did:web:labeler.example%23other'],
    },
    `?lxm=com.example.doIt&aud=${encodeURIComponent(LABELER)}`,
  ),
  row('com.atproto.server.getSession', 'always'),
  row('com.atproto.server.listAppPasswords', 'never'),
  row('com.atproto.server.requestAccountDelete', 'never', '', { method: 'POST' }),
  row('com.atproto.server.requestEmailConfirmation', EMAIL, '', { method: 'POST' }),
  row('com.atproto.server.requestEmailUpdate', 'never', '', { method: 'POST' }),
  row('com.atproto.server.revokeAppPassword', 'never', '', json({ name: 'x' })),
  row('com.atproto.server.updateEmail', 'never', '', json({ email: 'a@b.example' })),
  row('com.atproto.server.createAccount', 'for anyone', '', json({ handle: 'bob.test' })),
  row('com.atproto.server.createSession', 'for anyone', '', json({ identifier: 'alice.test', password: 'wrong' })),
  row('com.atproto.server.deleteAccount', 'for anyone', '', json({ did: 'did:web:bob.example', password: 'x', token: 'x' })),
  row('com.atproto.server.describeServer', 'for anyone'),
  row('com.atproto.server.requestPasswordReset', 'for anyone', '', json({ email: 'a@b.example' })),
  row('com.atproto.server.reserveSigningKey', 'for anyone', '', json({})),
  row('com.atproto.server.resetPassword', 'for anyone', '', json({ token: 'x', password: 'another one' })),
  row('com.atproto.server.createInviteCode', 'other tokens', '', json({ useCount: 1 })),
  row('com.atproto.server.createInviteCodes', 'other tokens', '', json({ useCount: 1, codeCount: 1 })),
  row('com.atproto.server.deleteSession', 'other tokens', '', { method: 'POST' }),
  row('com.atproto.server.refreshSession', 'other tokens', '', { method: 'POST' }),

  row('com.atproto.sync.getBlob', 'always', `${atRepo}&cid=bafkreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454`),
  row('com.atproto.sync.getBlocks', 'always', `${atRepo}&cids=bafkreie5cvv4h45feadgeuwhbcutmh6t2ceseocckahdoe6uat64zmz454`),
  row('com.atproto.sync.getCheckout', 'always', atRepo),
  row('com.atproto.sync.getHead', 'always', atRepo),
  row('com.atproto.sync.getLatestCommit', 'always', atRepo),
  row('com.atproto.sync.getRecord', 'always', `${atRepo}&collection=${POST}&rkey=3jzfcijpj2z2a`),
  row('com.atproto.sync.getRepo', 'always', atRepo),
  row('com.atproto.sync.listBlobs', 'always', atRepo),
  row('com.atproto.sync.getRepoStatus', 'for anyone', atRepo),
  row('com.atproto.sync.listRepos', 'for anyone'),

  row('com.atproto.temp.checkHandleAvailability', 'for anyone', '?handle=bob.test'),
  row('com.atproto.temp.checkSignupQueue', 'never'),
]

const ALL =
  'atproto transition:generic transition:chat.bsky transition:email repo:* blob:*/* account:email?action=manage account:repo?action=manage account:status?action=manage identity:*'

/** The token is the scope that it carries: who issues tokens is not asked here. */
const served = servePod({
  nextNonce: async () => 'the next nonce',
  authenticate: async (request) => ({
    did: DID,
    scope: decodeURIComponent(request.headers.get('authorization')?.split(' ')[1] ?? ''),
    settled: Promise.resolve(),
  }),
})

/** @param scope beside `atproto` */
const callWith = (scope: string, path: string, init: Init = {}) =>
  callOf(served, path, {
    ...init,
    scope: null,
    headers: { ...init.headers, authorization: `DPoP ${encodeURIComponent(scope === '' ? 'atproto' : `atproto ${scope}`)}` },
  })

const methods = (folder: string): string[] =>
  readdirSync(join(root, 'lexicons', folder), { withFileTypes: true }).flatMap((entry) => {
    if (entry.isDirectory()) return methods(join(folder, entry.name))
    return entry.name.endsWith('.defs.ts') || !entry.name.endsWith('.ts') ? [] : [join(folder, entry.name.slice(0, -'.ts'.length))]
  })

test('every method that the router knows has a decision', async () => {
  served.services.appview = null
  const known: string[] = []
  for (const path of methods('')) {
    const nsid = path.replaceAll('/', '.')
    if (!isValidNsid(nsid)) continue
    const responses = await Promise.all(['GET', 'POST'].map((method) => callOf(served, nsid, { method, scope: null })))
    // Nobody else is asked where there is no AppView: whatever is not 501 is answered here.
    if (responses.every(({ status }) => status !== 501)) known.push(nsid)
  }
  expect(rows.map(({ nsid }) => nsid).toSorted()).toEqual(known.toSorted())
})

describe.each(rows)('$nsid', ({ nsid, decision, query, init }) => {
  const path = nsid + query
  const refusal = async (scope: string) => {
    const response = await callWith(scope, path, init)
    return response.status === 403 || response.status === 401 ? ((await errorOf(response)) as { error: string; message: string }) : null
  }

  if (decision === 'for anyone') {
    test('takes anyone, and asks no app what it may', async () => {
      expect((await callOf(served, path, { ...init, scope: null })).status).not.toBe(403)
      expect((await refusal(''))?.error).not.toBe('ScopeMissingError')
    })
  } else if (decision === 'always') {
    test('takes any app', async () => expect(await refusal('')).toBeNull())
  } else if (decision === 'never') {
    test('takes no app, whatever was granted to it', async () => expect(await refusal(ALL)).toMatchObject({ error: 'Forbidden' }))
  } else if (decision === 'other tokens') {
    test('takes no app’s token', async () => expect((await callWith(ALL, path, init)).status).toBe(401))
  } else {
    test('needs what the reference PDS needs', async () => {
      const refused = await refusal('')
      expect(refused?.error).toBe('ScopeMissingError')
      expect(await refusal(refused?.message.match(/"(.+)"/)?.[1] ?? '')).toSatisfy(
        (again: typeof refused) => again === null || again.message !== refused?.message,
        'the scope that the refusal names does not help',
      )
      for (const scope of decision.but ?? []) expect([scope, (await refusal(scope))?.error]).toEqual([scope, 'ScopeMissingError'])
      for (const scope of decision.needs) expect([scope, await refusal(scope)]).toEqual([scope, null])
    })
  }
})

test('every answer to an app carries a nonce for its next proof, a refusal too; nobody else’s does', async () => {
  for (const nsid of ['com.atproto.server.getSession', 'com.atproto.server.listAppPasswords', 'com.atproto.server.nothing'])
    expect((await callWith('', nsid)).headers.get('dpop-nonce')).toBe('the next nonce')
  expect((await callOf(served, 'com.atproto.server.getSession')).headers.has('dpop-nonce')).toBe(false)
})

describe('fields that a method does not have', () => {
  const records = async () => {
    const list = await callOf(served, `com.atproto.repo.listRecords?repo=${encodeURIComponent(DID)}&collection=${POST}`, { scope: null })
    return ((await list.json()) as { records: Array<{ uri: string }> }).records.map(({ uri }) => uri.split('/').at(-1))
  }

  test('make no other write of it than the one that was granted', async () => {
    await callOf(served, 'com.atproto.repo.createRecord', json(written))
    const create = `repo:${POST}?action=create`
    const other = { ...written, rkey: '3jzfcijpj2z2c' }
    expect((await callWith(create, 'com.atproto.repo.createRecord', json({ ...other, action: 'delete' }))).status).toBe(200)
    expect(await records()).toEqual([other.rkey, written.rkey])
    const stranger = { ...written, action: 'delete' }
    await callWith(create, 'com.atproto.repo.createRecord', json(stranger))
    await callWith(`${create}&action=update`, 'com.atproto.repo.putRecord', json(stranger))
    expect(await records()).toEqual([other.rkey, written.rkey])
  })

  test('make no write of a deletion', async () => {
    await callOf(served, 'com.atproto.repo.createRecord', json(written))
    const changed = { ...written, record: { ...post, text: 'written by who may only delete' } }
    const answer = await callWith(`repo:${POST}?action=delete`, 'com.atproto.repo.deleteRecord', json(changed))
    expect(await answer.json()).toHaveProperty('commit')
    expect(await records()).toEqual([])
  })
})

const MISSING = { status: 403, error: 'ScopeMissingError' }

describe('what other services answer', () => {
  const TIMELINE = 'app.bsky.feed.getTimeline'
  const CHAT = 'chat.bsky.convo.listConvos'
  const ofChat = `rpc:${CHAT}?aud=did:web:api.bsky.chat%23bsky_chat`

  test.each([
    [TIMELINE, undefined, `rpc:${TIMELINE}?aud=${encodeURIComponent(APPVIEW)}`],
    [TIMELINE, undefined, 'transition:generic'],
    [TIMELINE, LABELER, `rpc:${TIMELINE}?aud=${encodeURIComponent(LABELER)}`],
    [CHAT, undefined, ofChat],
    [CHAT, undefined, 'transition:chat.bsky'],
    ['com.example.unheard', undefined, 'transition:generic'],
  ])('%s at %s is asked for whoever has %s', async (nsid, proxy, scope) => {
    for (const host of ['appview.example', 'labeler.example', 'api.bsky.chat'])
      served.answers[`${host}/xrpc/${nsid}`] = () => Response.json({ ok: true })
    const response = await callWith(scope, nsid, { ...(proxy !== undefined && { proxy }) })
    expect(await response.json()).toEqual({ ok: true })
  })

  test.each([
    [TIMELINE, undefined, ''],
    [TIMELINE, LABELER, `rpc:${TIMELINE}?aud=${encodeURIComponent(APPVIEW)}`],
    [TIMELINE, undefined, `rpc:${TIMELINE}?aud=did:web:appview.example%23other`],
    [TIMELINE, undefined, 'transition:chat.bsky'],
    [CHAT, undefined, 'transition:generic'],
    ['CHAT.bsky.convo.listConvos', undefined, 'transition:generic'],
    ['app.bsky.feed.getFeed', undefined, `rpc:app.bsky.feed.getFeed?aud=${encodeURIComponent(APPVIEW)}`],
  ])('%s at %s is not asked for who has %j', async (nsid, proxy, scope) => {
    expect(await errorOf(await callWith(scope, nsid, { ...(proxy !== undefined && { proxy }) }))).toMatchObject(MISSING)
    expect(served.sent).toEqual([])
  })

  test('managing the account goes through no other service, whatever was granted', async () => {
    const refused = { status: 400, error: 'InvalidToken' }
    expect(await errorOf(await callWith(ALL, 'com.atproto.server.deactivateaccount', { proxy: LABELER }))).toMatchObject(refused)
  })

  test('a foreign record is looked up elsewhere only for whoever may have it looked up there', async () => {
    const path = `com.atproto.repo.getRecord?repo=did:web:bob.example&collection=${POST}&rkey=a`
    served.answers['labeler.example/xrpc/com.atproto.repo.getRecord'] = () => Response.json({ ok: true })
    expect(await errorOf(await callWith('', path, { proxy: LABELER }))).toMatchObject(MISSING)
    const scope = `rpc:com.atproto.repo.getRecord?aud=${encodeURIComponent(LABELER)}`
    expect(await (await callWith(scope, path, { proxy: LABELER })).json()).toEqual({ ok: true })
  })
})

describe('service tokens', () => {
  const path = (query: Record<string, string>) => `com.atproto.server.getServiceAuth?${new URLSearchParams(query)}`

  test('without a method they need a scope for all methods of that service', async () => {
    const all = `rpc:*?aud=${encodeURIComponent(LABELER)}`
    expect((await callWith(all, path({ aud: LABELER }))).status).toBe(200)
    expect(await errorOf(await callWith('rpc:com.example.doIt?aud=*', path({ aud: LABELER })))).toMatchObject(MISSING)
  })

  test('for chat they need the scope for chat, for the account’s own methods there are none', async () => {
    const chat = { aud: 'did:web:api.bsky.chat', lxm: 'chat.bsky.convo.getLog' }
    expect(await errorOf(await callWith('transition:generic', path(chat)))).toMatchObject(MISSING)
    expect((await callWith('transition:chat.bsky', path(chat))).status).toBe(200)
    const own = path({ aud: LABELER, lxm: 'com.atproto.server.createAppPassword' })
    expect(await errorOf(await callWith('transition:generic', own))).toMatchObject({ status: 400, error: 'InvalidRequest' })
  })
})

describe('what is private', () => {
  test('the e-mail address is shown to whoever may read it', async () => {
    await callOf(served, 'com.atproto.server.updateEmail', json({ email: 'alice@mail.example' }))
    const session = async (scope: string) => (await callWith(scope, 'com.atproto.server.getSession')).json()
    expect(await session('transition:generic')).not.toHaveProperty('email')
    expect(await session('transition:generic')).toMatchObject({ did: DID, handle: 'alice.test' })
    for (const scope of ['transition:email', 'account:email', 'account:email?action=manage'])
      expect(await session(scope)).toMatchObject({ email: 'alice@mail.example', emailConfirmed: false })
  })

  test('the birth date is not told to apps, whatever was granted', async () => {
    const details = { $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate: '1990-01-01T00:00:00.000Z' }
    await callOf(served, 'app.bsky.actor.putPreferences', json({ preferences: [details] }))
    const { preferences } = (await (await callWith(ALL, 'app.bsky.actor.getPreferences')).json()) as { preferences: unknown[] }
    expect(preferences).not.toContainEqual(details)
    const refused = await callWith(ALL, 'app.bsky.actor.putPreferences', json({ preferences: [details] }))
    expect(await errorOf(refused)).toMatchObject({ status: 400, error: 'InvalidRequest' })
  })

  test('an inactive account’s repo is shown to its apps', async () => {
    await callOf(served, 'com.atproto.server.deactivateAccount', json({}))
    expect(await errorOf(await callOf(served, `com.atproto.sync.getHead${atRepo}`, { scope: null }))).toMatchObject({
      error: 'RepoDeactivated',
    })
    expect((await callWith('', `com.atproto.sync.getHead${atRepo}`)).status).toBe(200)
  })
})

test('a video that calls itself a picture needs the scope for videos', async () => {
  const body = Buffer.from('\0\0\0\x18ftypmp42')
  const upload = (scope: string) =>
    callWith(scope, 'com.atproto.repo.uploadBlob', { method: 'POST', headers: { 'content-type': 'image/png' }, body })
  expect(await errorOf(await upload('blob:image/*'))).toMatchObject({ ...MISSING, message: 'Missing required scope "blob:video/mp4"' })
  expect((await upload('blob:image/* blob:video/mp4')).status).toBe(200)
})
