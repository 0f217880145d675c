/** `/fedcm/login` and `/fedcm/logout`: the owner has a browser offer the account to sites, or stops it. The browser opens the first in a window of its own where it finds nobody signed in. */
import { FEDCM_HEADER } from '../../wire/device-cookie.ts'
import { XrpcError } from '../../wire/errors.ts'
import { FEDCM, pushedStatus } from '../../wire/fedcm.ts'
import { type Visitor, withCookie } from '../oauth/devices.ts'
import { TOKEN } from '../oauth/forms.ts'
import type { PagesParts } from '../oauth/front.ts'
import type { FormView } from '../oauth/pages/consent.ts'
import { HEADERS } from '../oauth/pages/page.ts'
import { signInPage } from '../oauth/pages/sign-in.ts'
import { enter, problemOf } from '../oauth/sign-in.ts'
import type { FedCmAccount } from './account.ts'
import { loginPage, logoutPage, statusPage } from './pages/login.ts'
import type { FedCmSessions } from './sessions.ts'

export interface LoginPageParts extends PagesParts {
  readonly cookies: FedCmSessions
  readonly account: () => Promise<FedCmAccount>
}

/** Of the query, after a form: what has happened. */
const STEP = 'step'
const DONE = 'done'

export const showLogin = async (parts: LoginPageParts, query: URLSearchParams, visitor: Visitor): Promise<Response> => {
  if (query.get(STEP) !== DONE || !(await parts.cookies.isOpen(visitor.id))) return askWho(parts, visitor)
  return statusPage(parts.house, {
    title: parts.house.words.say('fedcm.login.done'),
    message: parts.house.words.say('fedcm.login.done.text'),
    status: 'logged-in',
    account: JSON.stringify(pushedStatus([await parts.account()])),
  })
}

/** @throws XrpcError 403 ForeignForm | StaleForm */
export const takeLogin = async (parts: LoginPageParts, sent: Request, visitor: Visitor): Promise<Response> => {
  const fields = await parts.forms.read(sent, visitor, () => FEDCM.login)
  const { words } = parts.house
  if (fields.get('do') === 'cancel')
    return statusPage(parts.house, { title: words.say('fedcm.notNow'), message: words.say('fedcm.notNow.text') })
  try {
    if (fields.get('do') === 'sign-in') return await begin(parts, await enter(parts, visitor, fields))
    return visitor.account ? await begin(parts, visitor) : await askWho(parts, visitor)
  } catch (cause) {
    if (!(cause instanceof XrpcError)) throw cause
    if (cause.error === 'Offline')
      return askWho(parts, await parts.devices.visit(sent, visitor.isOwn ? 'local' : 'shim'), words.say('fedcm.offline'))
    if (cause.status >= 500) throw cause
    return askWho(parts, visitor, problemOf(words, cause))
  }
}

/** @throws XrpcError 503 Offline */
const begin = async ({ cookies }: LoginPageParts, visitor: Visitor): Promise<Response> => {
  // Not the page itself: going back or reloading would send the password again.
  const response = withCookie(seeOther(`${FEDCM.login}?${STEP}=${DONE}`), visitor)
  if (visitor.isOwn) await cookies.ensureOwn(visitor, true)
  else response.headers.set(FEDCM_HEADER, await cookies.open(visitor.id, true))
  return response
}

const askWho = async (parts: LoginPageParts, visitor: Visitor, problem?: string): Promise<Response> => {
  const { house, identity, passkeys } = parts
  const shared = { form: await formOf(parts, visitor, FEDCM.login), ...(problem !== undefined && { problem }) }
  if (visitor.account) return loginPage(house, { ...shared, account: identity, isOwn: visitor.isOwn })
  const passkey = await passkeys.request(visitor)
  return signInPage(house, { ...shared, purpose: 'signIn.forSites', identifier: identity.handle, ...(passkey !== null && { passkey }) })
}

export const showLogout = async (parts: LoginPageParts, visitor: Visitor): Promise<Response> => {
  const { house, identity, cookies } = parts
  if (await cookies.isOpen(visitor.id)) return logoutPage(house, { account: identity, form: await formOf(parts, visitor, FEDCM.logout) })
  return statusPage(house, {
    title: house.words.say('fedcm.logout.done'),
    message: house.words.say('fedcm.logout.done.text'),
    status: 'logged-out',
  })
}

/** @throws XrpcError 403 ForeignForm | StaleForm */
export const takeLogout = async ({ forms, cookies }: LoginPageParts, sent: Request, visitor: Visitor): Promise<Response> => {
  await forms.read(sent, visitor, () => FEDCM.logout)
  await cookies.close(visitor.id)
  const response = seeOther(FEDCM.logout)
  response.headers.set(FEDCM_HEADER, '')
  return response
}

const formOf = async ({ forms }: LoginPageParts, visitor: Visitor, path: string): Promise<FormView> => ({
  action: path,
  fields: { [TOKEN]: await forms.token(visitor, path) },
})

const seeOther = (location: string): Response => new Response(null, { status: 303, headers: { ...HEADERS, location } })
