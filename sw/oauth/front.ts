/** The pages of the OAuth provider by path and verb, for both roads; what is thrown inside is a page too. */
import { OAuthError } from '@atproto/oauth-provider/errors'
import { XrpcError } from '../../wire/errors.ts'
import type { Self } from '../identity/self.ts'
import type { Log } from '../operations/log.ts'
import { type AccountPageParts, showAccount, takeAccount } from './account-page.ts'
import { AUTHORIZE_PATH, showAuthorize, takeAuthorize } from './authorize-page.ts'
import { DEVICE_HEADER } from '../../wire/device-cookie.ts'
import { withCookie, type Visitor } from './devices.ts'
import { ACCOUNT_PATHS } from './pages/account.ts'
import { type ErrorView, errorPage } from './pages/ending.ts'
import { HEADERS } from './pages/page.ts'

export interface PagesParts extends AccountPageParts {
  readonly identity: AccountPageParts['identity'] & Pick<Self, 'standing'>
  readonly log: Pick<Log, 'failure'>
}

export interface Pages {
  /** null: no page is at that path. Never rejects. */
  answer(path: string, request: Request, origin: 'local' | 'shim'): Promise<Response> | null
}

export const pagesOf = (parts: PagesParts): Pages => ({
  answer(path, request, origin) {
    if (path === CHANGE_PASSWORD_PATH)
      return Promise.resolve(new Response(null, { status: 303, headers: { ...HEADERS, location: `${ACCOUNT_PATHS.security}#password` } }))
    if (path !== AUTHORIZE_PATH && path !== ACCOUNT_PATHS.sessions && !path.startsWith(`${ACCOUNT_PATHS.sessions}/`)) return null
    // While it is looked up whose browser this is.
    if (path === AUTHORIZE_PATH) parts.authorizations.prepare()
    return answerPage(parts, request, origin, (visitor) => route(parts, path, request, visitor))
  },
})

/** @see https://w3c.github.io/webappsec-change-password-url/ */
const CHANGE_PASSWORD_PATH = '/.well-known/change-password'

/** A page for whichever browser asks; what `show` throws is a page too. Never rejects. */
export const answerPage = async (
  parts: Pick<PagesParts, 'identity' | 'devices' | 'house' | 'log'>,
  request: Request,
  origin: 'local' | 'shim',
  show: (visitor: Visitor) => Promise<Response>,
): Promise<Response> => {
  let visitor: Visitor | undefined
  try {
    assertWhole(request)
    if (parts.identity.standing === 'vacant') throw new XrpcError(404, 'NoAccount', 'No account lives at this address yet.')
    visitor = await parts.devices.visit(request, origin)
    const response = await show(visitor)
    return response.headers.has(DEVICE_HEADER) ? response : withCookie(response, visitor)
  } catch (cause) {
    const view = toErrorView(cause, parts.log)
    const response = await errorPage(parts.house, view)
    if (cause instanceof XrpcError) for (const [name, value] of Object.entries(cause.headers)) response.headers.set(name, value)
    return visitor ? withCookie(response, visitor) : response
  }
}

const route = async (parts: PagesParts, path: string, request: Request, visitor: Visitor): Promise<Response> => {
  const { searchParams } = new URL(request.url)
  const isRead = isReading(request)
  if (path === AUTHORIZE_PATH) return isRead ? showAuthorize(parts, searchParams, visitor) : takeAuthorize(parts, request, visitor)
  const response = await (isRead ? showAccount(parts, path, searchParams, visitor) : takeAccount(parts, path, request, visitor))
  if (!response) throw new XrpcError(404, 'NotFound', 'No page has this name.')
  return response
}

/** Or posting a form. @throws XrpcError 405 */
export const isReading = ({ method }: Request): boolean => {
  if (method === 'GET' || method === 'HEAD') return true
  if (method === 'POST') return false
  throw new XrpcError(405, 'MethodNotAllowed', 'Pages are read, and their forms posted.', { headers: { allow: 'GET, HEAD, POST' } })
}

/** A page of its own, in a tab or a window: never part of another one, and never a script's to read. */
const assertWhole = ({ headers, destination }: Request): void => {
  const into = headers.get('sec-fetch-dest') ?? destination
  const mode = headers.get('sec-fetch-mode') ?? 'navigate'
  if ((into !== '' && into !== 'document') || mode !== 'navigate')
    throw new XrpcError(403, 'NotAPage', 'This page opens in a tab of its own.')
}

const toErrorView = (cause: unknown, log: Pick<Log, 'failure'>): ErrorView => {
  if (cause instanceof XrpcError && cause.status < 500) {
    const [title, message] = WORDS[cause.error] ?? ['This cannot go on', cause.message]
    return { title, message, status: cause.status, code: cause.error }
  }
  if (cause instanceof OAuthError && cause.statusCode < 500)
    return {
      title: 'This sign-in cannot go on',
      message: 'What the app asks for is not known here: it has expired, was answered already, or is no request that this server takes.',
      status: cause.statusCode,
      code: `${cause.error}: ${cause.error_description}`,
    }
  log.failure('a page of the OAuth provider failed', cause)
  return { title: 'Something went wrong', message: 'The log of the pod says what.', status: 500, code: 'server_error' }
}

const WORDS: Readonly<Record<string, readonly [title: string, message: string]>> = {
  ForeignForm: ['This did not come from here', 'Another site sent this form in your name. Nothing was done.'],
  StaleForm: ['This page is too old', 'You have signed in or out since it was opened, or it was opened in another browser. Open it again.'],
  NotAPage: ['Not inside another page', 'This page opens in a tab or window of its own.'],
  NotFound: ['Nothing here', 'No page has this name.'],
}
