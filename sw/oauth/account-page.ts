/** `/account`: what is signed in, what opens the account, and what has happened at its door. */
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { MAX_PASSKEY_NAME_CHARS } from '../../wire/oauth-limits.ts'
import type { OwnerPassword } from '../account/owner-password.ts'
import type { Sessions } from '../account/sessions.ts'
import type { SignIn } from '../account/sign-in.ts'
import type { Self } from '../identity/self.ts'
import type { Sites } from '../indieauth/contract.ts'
import type { SiteRow } from '../store/indieauth-schema.ts'
import { readOAuthLedger } from '../store/oauth-ledger.ts'
import type { OAuthLedgerRow } from '../store/oauth-schema.ts'
import type { Store } from '../store/open.ts'
import type { AuthorizePageParts } from './authorize-page.ts'
import { toBrowserView, toGrantView, toPasskeyView, toRememberedView, toSiteView } from './account-views.ts'
import { browserName } from './browser-name.ts'
import type { Authorizations } from './contract.ts'
import { type Visitor, withCookie } from './devices.ts'
import { TOKEN } from './forms.ts'
import { ACCOUNT_PATHS, type AccountHead, sessionsPage } from './pages/account.ts'
import { logPage } from './pages/log.ts'
import { HEADERS } from './pages/page.ts'
import { securityPage } from './pages/security.ts'
import { signInPage } from './pages/sign-in.ts'
import { sayEntry } from './ledger-sentences.ts'
import { enter, noteOf, problemOf } from './sign-in.ts'

export interface AccountPageParts extends AuthorizePageParts {
  readonly store: Store
  readonly identity: Pick<Self, 'did' | 'handle'>
  readonly signIn: Pick<SignIn, 'checkOwner' | 'confirm'>
  readonly ownerPassword: Pick<OwnerPassword, 'set'>
  readonly sessions: Pick<Sessions, 'list' | 'end'>
  readonly sites: Pick<Sites, 'known' | 'forget'>
}

export const EXPORT_PATH = '/account/log.json'

const PATHS: readonly string[] = Object.values(ACCOUNT_PATHS)
const isPath = (path: string): path is (typeof ACCOUNT_PATHS)[keyof typeof ACCOUNT_PATHS] => PATHS.includes(path)

/** @returns null: no page has this name. @throws XrpcError */
export const showAccount = async (
  parts: AccountPageParts,
  path: string,
  query: URLSearchParams,
  visitor: Visitor,
): Promise<Response | null> => {
  if (path !== EXPORT_PATH && !isPath(path)) return null
  if (!visitor.account) return askWho(parts, path === EXPORT_PATH ? ACCOUNT_PATHS.log : path, visitor)
  if (path === EXPORT_PATH) return exportLog(parts)
  const done = query.get('done') ?? ''
  return show(parts, path, visitor, isDone(done) ? { done: DONE[done] } : {})
}

/** @throws XrpcError 403 ForeignForm | StaleForm */
export const takeAccount = async (parts: AccountPageParts, path: string, sent: Request, visitor: Visitor): Promise<Response | null> => {
  if (!isPath(path)) return null
  const fields = await parts.forms.read(sent, visitor, () => PURPOSE)
  try {
    if (fields.get('do') === 'sign-in') return goTo(path, null, await enter(parts, visitor, fields))
    if (!visitor.account) return await askWho(parts, path, visitor)
    const [done, after] = await act(parts, visitor, fields)
    return goTo(path, done, after)
  } catch (cause) {
    if (!(cause instanceof XrpcError) || cause.status >= 500) throw cause
    if (!visitor.account || fields.get('do') === 'sign-in') return askWho(parts, path, visitor, problemOf(parts.house.words, cause))
    return show(parts, path, visitor, {
      problem: cause.status === 401 || cause.status === 429 ? problemOf(parts.house.words, cause) : cause.message,
    })
  }
}

type Done = keyof typeof DONE
const isDone = (word: string): word is Done => Object.hasOwn(DONE, word)

/** What a form of these pages wants done. @returns what to say of it, and the browser as it is known afterwards */
const act = async (parts: AccountPageParts, visitor: Visitor, fields: URLSearchParams): Promise<readonly [Done, Visitor]> => {
  const { authorizations, devices, passkeys } = parts
  const id = fields.get('id') ?? ''
  switch (fields.get('do')) {
    case 'end-grant':
      await endGrant(authorizations, id)
      return ['app', visitor]
    case 'end-grants':
      await authorizations.revoke('all')
      for (const { clientId } of await authorizations.clients()) await authorizations.forget(clientId)
      return ['apps', visitor]
    case 'forget':
      await authorizations.forget(id)
      return ['forgotten', visitor]
    case 'forget-site':
      await parts.sites.forget(id)
      return ['site', visitor]
    case 'end-session':
      await parts.sessions.end(id)
      return ['app', visitor]
    case 'sign-out':
      await signOut(parts, visitor, [id])
      return ['browser', id === visitor.id ? { ...visitor, cookie: visitor.isOwn ? null : '' } : visitor]
    case 'sign-out-others':
      await signOut(
        parts,
        visitor,
        (await devices.signedIn()).map((row) => row.id).filter((each) => each !== visitor.id),
      )
      return ['browsers', visitor]
    case 'rename-passkey':
      await passkeys.rename(id, nameOf(fields))
      return ['renamed', visitor]
    case 'remove-passkey':
      await passkeys.remove(id)
      await authorizations.note({ what: 'passkey', outcome: 'done', note: 'removed', ...noteOf(visitor) })
      return ['removed', visitor]
    case 'add-passkey':
      await confirm(parts, fields.get('password'))
      await passkeys.add(visitor, fields.get('credential') ?? '', nameOf(fields))
      await authorizations.note({ what: 'passkey', outcome: 'done', note: 'added', ...noteOf(visitor) })
      return ['added', visitor]
    case 'change-password':
      await confirm(parts, fields.get('current'))
      // It ends what any other browser is signed in by, this one included.
      await parts.ownerPassword.set(fields.get('new') ?? '')
      return ['password', visitor.isOwn ? visitor : await devices.signIn(visitor, 'password', visitor.account?.until ?? parts.now())]
    default:
      throw invalidRequest('This form wants something that is not known here')
  }
}

/** With its last grant an app is asked about again, as one that was never let in. */
const endGrant = async (authorizations: Authorizations, id: string): Promise<void> => {
  const grants = await authorizations.grants()
  const clientId = grants.find((grant) => grant.id === id)?.clientId
  if (clientId !== undefined && grants.filter((grant) => grant.clientId === clientId).length === 1) await authorizations.forget(clientId)
  else await authorizations.revoke({ id })
}

/** What can be used later, and from elsewhere, is not had by a browser that somebody left open. */
const confirm = ({ signIn, identity }: AccountPageParts, password: string | null): Promise<void> =>
  signIn.confirm(identity.did, password ?? '')

const signOut = async ({ devices, authorizations }: AccountPageParts, visitor: Visitor, ids: readonly string[]): Promise<void> => {
  for (const id of ids)
    if (await devices.signOut(id)) await authorizations.note({ what: 'sign-out', outcome: 'done', ...noteOf(visitor), deviceId: id })
}

const show = async (
  parts: AccountPageParts,
  path: (typeof ACCOUNT_PATHS)[keyof typeof ACCOUNT_PATHS],
  visitor: Visitor,
  said: Pick<AccountHead, 'done' | 'problem'>,
): Promise<Response> => {
  const { house, store, identity, devices, passkeys, authorizations } = parts
  const head = { ...said, account: { did: identity.did, handle: identity.handle }, form: await formOf(parts, path, visitor) }
  if (path === ACCOUNT_PATHS.log) {
    const entries = (await readOAuthLedger(store)).map(sayEntry)
    return logPage(house, { ...head, entries, exportPath: EXPORT_PATH })
  }
  if (path === ACCOUNT_PATHS.security) {
    const rows = await passkeys.list()
    return securityPage(house, {
      ...head,
      handle: identity.handle,
      newPasskey: await passkeys.creation(visitor),
      passkeys: rows.map(toPasskeyView),
    })
  }
  const [grants, clients, sites, rows, byPassword] = await Promise.all([
    authorizations.grants(),
    authorizations.clients(),
    parts.sites.known(),
    devices.signedIn(),
    parts.sessions.list(),
  ])
  const browsers = new Map(rows.map(({ id, userAgent }) => [id, browserName(userAgent)]))
  return sessionsPage(house, {
    ...head,
    grants: grants.map((grant) => toGrantView(house.words, grant, browsers)).sort((a, b) => b.usedAt - a.usedAt),
    remembered: clients
      .filter(({ clientId }) => !grants.some((grant) => grant.clientId === clientId))
      .map((client) => toRememberedView(house.words, client)),
    sites: sites.map(toSiteView),
    byPassword,
    browsers: rows.map((row) => toBrowserView(row, visitor)),
  })
}

const askWho = async (parts: AccountPageParts, path: string, visitor: Visitor, problem?: string): Promise<Response> => {
  const passkey = await parts.passkeys.request(visitor)
  return signInPage(parts.house, {
    identifier: parts.identity.handle,
    ...(problem !== undefined && { problem }),
    ...(passkey !== null && { passkey }),
    form: await formOf(parts, path, visitor),
  })
}

const exportLog = async ({ store, identity, sites }: AccountPageParts): Promise<Response> => {
  const entries = (await readOAuthLedger(store)).map(toExported)
  const known = (await sites.known()).map(toExportedSite)
  return new Response(JSON.stringify({ did: identity.did, entries, sites: known }, null, 2), {
    headers: {
      ...HEADERS,
      'content-type': 'application/json; charset=utf-8',
      'content-disposition': 'attachment; filename="tabpod-log.json"',
      'content-security-policy': "default-src 'none'; sandbox",
    },
  })
}

const toExported = ({ at, ...entry }: OAuthLedgerRow) => ({ at: new Date(at).toISOString(), ...entry })

const toExportedSite = ({ createdAt, updatedAt, ...site }: SiteRow) => ({
  ...site,
  createdAt: new Date(createdAt).toISOString(),
  updatedAt: new Date(updatedAt).toISOString(),
})

const formOf = async ({ forms }: AccountPageParts, path: string, visitor: Visitor) => ({
  action: path,
  fields: { [TOKEN]: await forms.token(visitor, PURPOSE) },
})

const PURPOSE = 'account'

const goTo = (path: string, done: Done | null, visitor: Visitor): Response =>
  withCookie(new Response(null, { status: 303, headers: { ...HEADERS, location: done === null ? path : `${path}?done=${done}` } }), visitor)

const nameOf = (fields: URLSearchParams): string => fields.get('name')?.trim().slice(0, MAX_PASSKEY_NAME_CHARS) || 'Passkey'

/** Named in the address, never spelled out in it: nobody can have this page say something by a link. */
const DONE = {
  app: 'The app is signed out. What it still holds is worth nothing.',
  apps: 'All apps are signed out.',
  forgotten: 'The app will be asked about again.',
  site: 'The site is forgotten: what it held is worth nothing, and you are asked again. What it has noted down it still knows.',
  browser: 'The browser is signed out.',
  browsers: 'All other browsers are signed out.',
  renamed: 'The passkey has a new name.',
  removed: 'The passkey opens nothing any more.',
  added: 'The passkey is added. You can sign in with it from now on.',
  password: 'The password is changed. Other browsers, and apps that used the old one, are signed out.',
} as const
