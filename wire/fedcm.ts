/** What tab and room both know of FedCM: its addresses, and how they refuse. @see https://w3c-fedid.github.io/FedCM/ */
import { FEDCM_PUSHED_MS } from './fedcm-limits.ts'

export const FEDCM_PREFIX = '/fedcm/'

export const WEB_IDENTITY_PATH = '/.well-known/web-identity'

export const FEDCM = {
  config: '/fedcm/config.json',
  clientMetadata: '/fedcm/client_metadata',
  accounts: '/fedcm/accounts',
  assertion: '/fedcm/assertion',
  disconnect: '/fedcm/disconnect',
  /** POST of the owner's page: its browser shall have the cookie. */
  session: '/fedcm/session',
  login: '/fedcm/login',
  logout: '/fedcm/logout',
  continue: '/fedcm/continue',
  error: '/fedcm/error',
} as const

/** What browsers find at the registrable domain: which provider there is below it. They take one. @see https://w3c-fedid.github.io/FedCM/#idp-api-well-known */
export const webIdentityAt = (origin: string): object => ({
  provider_urls: [origin + FEDCM.config],
  accounts_endpoint: origin + FEDCM.accounts,
  login_url: origin + FEDCM.login,
})

/** Why there is no token. `code` as in OAuth, for the browser; `reason` for the page that explains. */
export class FedCmRefusal extends Error {
  readonly status: number
  readonly code: 'invalid_request' | 'unauthorized_client' | 'access_denied' | 'server_error' | 'temporarily_unavailable'
  readonly reason: keyof typeof REASONS

  constructor(reason: keyof typeof REASONS) {
    const [status, code, message] = REASONS[reason]
    super(message)
    this.status = status
    this.code = code
    this.reason = reason
  }
}

const REASONS = {
  NotFedCm: [403, 'invalid_request', 'Only a browser asks here, by FedCM.'],
  NotSignedIn: [401, 'access_denied', 'Nobody is signed in in this browser.'],
  OtherSite: [403, 'unauthorized_client', 'The client_id is not of the site that asks.'],
  BadRequest: [400, 'invalid_request', 'This is not what a browser sends here.'],
  BadParams: [400, 'invalid_request', 'The params of the site are no JSON object, or too long.'],
  NoPkce: [400, 'invalid_request', 'The params of the site need a code_challenge, and S256 as its code_challenge_method.'],
  OtherAccount: [400, 'invalid_request', 'Another account was asked for.'],
  Asleep: [503, 'temporarily_unavailable', 'The tab that this account lives in is closed.'],
  Failed: [500, 'server_error', 'Something went wrong here.'],
} as const

/** What there is to say of it: status, code, sentence; null: no such reason. */
export const refusalOf = (reason: string): FedCmRefusal | null =>
  Object.hasOwn(REASONS, reason) ? new FedCmRefusal(reason as keyof typeof REASONS) : null

/** That the browser itself asks. Programs can forge this: it keeps the pages of other sites out, and the cookie everybody else. @throws FedCmRefusal NotFedCm */
export const assertFedCm = ({ headers }: Pick<Request, 'headers'>): void => {
  if (headers.get('sec-fetch-dest') !== 'webidentity') throw new FedCmRefusal('NotFedCm')
}

/**
 * An answer to the browser, refusals too. The site alone that asks may read it, and its browser sends the cookie along: one that any site could read would tell them all who their visitor is.
 * @param failed told of what is no refusal
 */
export const answerBrowser = async (
  { headers }: Pick<Request, 'headers'>,
  ownOrigin: string,
  work: () => Promise<Response>,
  failed: (cause: unknown) => void,
): Promise<Response> => {
  let response: Response
  try {
    response = await work()
  } catch (cause) {
    const refusal = cause instanceof FedCmRefusal ? cause : new FedCmRefusal('Failed')
    if (refusal !== cause) failed(cause)
    response = Response.json(refusalToJson(refusal), { status: refusal.status })
  }
  response.headers.set('cache-control', 'no-store')
  response.headers.set('vary', 'origin')
  // The accounts are asked for by the browser itself, which names no origin: then nobody but this host may read.
  response.headers.set('access-control-allow-origin', headers.get('origin') || ownOrigin)
  response.headers.set('access-control-allow-credentials', 'true')
  return response
}

/** Older browsers read `code`. The page at `url` explains. @see https://w3c-fedid.github.io/FedCM/#dictdef-identityassertionresponse */
const refusalToJson = ({ code, reason }: FedCmRefusal): object => ({
  error: { code, error: code, url: `${FEDCM.error}?reason=${reason}` },
})

/** An account, as it is pushed to the browser: `navigator.login.setStatus('logged-in', …)`. Browsers without that feature refuse the second argument. @see https://github.com/fedidcg/LightweightFedCM */
export const pushedStatus = (
  accounts: ReadonlyArray<{ readonly id: string; readonly name: string; readonly username: string; readonly picture: string }>,
): object => ({
  accounts: accounts.map(({ id, name, username, picture }) => ({ id, name, email: username, picture })),
  expiration: FEDCM_PUSHED_MS,
})
