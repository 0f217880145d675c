/** What tab and room both know of FedCM: its addresses, and how they refuse. @see https://w3c-fedid.github.io/FedCM/ */

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
  NotAllowed: [403, 'access_denied', 'The owner has not let this site know.'],
  Failed: [500, 'server_error', 'Something went wrong here.'],
} as const

/** That the browser itself asks. Programs can forge this: it keeps the pages of other sites out, and the cookie everybody else. @throws FedCmRefusal NotFedCm */
export const assertFedCm = ({ headers }: Pick<Request, 'headers'>): void => {
  if (headers.get('sec-fetch-dest') !== 'webidentity') throw new FedCmRefusal('NotFedCm')
}

/** A refusal as the browser takes it: older ones read `code`. The page at `url` explains. @see https://w3c-fedid.github.io/FedCM/#dictdef-identityassertionresponse */
export const refusalToJson = ({ code, reason }: FedCmRefusal): object => ({
  error: { code, error: code, url: `${FEDCM.error}?reason=${reason}` },
})

/** The site alone that asks may read the answer, and its browser sends the cookie along. An answer that another site could read would tell it who its visitor is. */
export const readableBy = (origin: string | null): Readonly<Record<string, string>> => ({
  'cache-control': 'no-store',
  vary: 'origin',
  ...(origin !== null && { 'access-control-allow-origin': origin, 'access-control-allow-credentials': 'true' }),
})
