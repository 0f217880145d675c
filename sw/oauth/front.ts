/** The pages of the OAuth provider by path and verb, for both roads; what is thrown inside is a page too. */
import { OAuthError } from '@atproto/oauth-provider/errors'
import { XrpcError } from '../../wire/errors.ts'
import type { Self } from '../identity/self.ts'
import { parseAcceptLanguage } from '../languages/choice.ts'
import { speaking } from '../languages/languages.ts'
import { isKey, type Words } from '../languages/words.ts'
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
    return answerPage(parts, request, origin, (visitor, spoken) => route(path === AUTHORIZE_PATH ? spoken : parts, path, request, visitor))
  },
})

/** @see https://w3c.github.io/webappsec-change-password-url/ */
const CHANGE_PASSWORD_PATH = '/.well-known/change-password'

/** A page for whichever browser asks; what `show` throws is a page too. Never rejects. */
export const answerPage = async <Parts extends Pick<PagesParts, 'identity' | 'devices' | 'house' | 'languages' | 'log'>>(
  given: Parts,
  request: Request,
  origin: 'local' | 'shim',
  show: (visitor: Visitor, spoken: Parts) => Promise<Response>,
): Promise<Response> => {
  // Beside the look into the store, which is not to wait for it.
  const speech = speaking(given, acceptedBy(request, origin))
  let visitor: Visitor | undefined
  try {
    assertWhole(request)
    if (given.identity.standing === 'vacant') throw new XrpcError(404, 'NoAccount', 'No account lives at this address yet.')
    visitor = await given.devices.visit(request, origin)
    const response = await show(visitor, await speech)
    return response.headers.has(DEVICE_HEADER) ? response : withCookie(response, visitor)
  } catch (cause) {
    const parts = await speech
    const view = toErrorView(cause, parts)
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

/** What the browser speaks. A worker is not shown the header of a navigation: it is added on the way out. @returns BCP 47, best first */
const acceptedBy = ({ headers }: Request, origin: 'local' | 'shim'): readonly string[] => {
  const said = headers.get('accept-language')
  if (said !== null) return parseAcceptLanguage(said)
  return origin === 'local' ? navigator.languages : []
}

const toErrorView = (cause: unknown, { house, log }: Pick<PagesParts, 'house' | 'log'>): ErrorView => {
  const { say } = house.words
  if (cause instanceof XrpcError && cause.status < 500) return refusalView(house.words, cause)
  if (cause instanceof OAuthError && cause.statusCode < 500)
    return {
      title: say('end.stuck'),
      message: say('error.request'),
      status: cause.statusCode,
      code: `${cause.error}: ${cause.error_description}`,
    }
  log.failure('a page of the OAuth provider failed', cause)
  return { title: say('error.failed'), message: say('error.failed.text'), status: 500, code: 'server_error' }
}

/** What has no words for people is told to those who can mend it. */
const refusalView = ({ say }: Words, { status, error, message }: XrpcError): ErrorView => {
  const [title, text] = [`error.${error}`, `error.${error}.text`]
  if (isKey(title) && isKey(text)) return { title: say(title), message: say(text), status, code: error }
  return { title: say('error.other'), message: say('error.other.text'), status, code: `${error}: ${message}` }
}
