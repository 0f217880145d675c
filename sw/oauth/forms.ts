/**
 * Forms of the pages: a token in each, and a look at where they come from. @see https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
 */
import { XrpcError } from '../../wire/errors.ts'
import { readText } from '../http/body.ts'
import { isSameText, macOf, type Visitor } from './devices.ts'

export interface Forms {
  /** For a form of that purpose in that browser, and no other. */
  token(visitor: Visitor, purpose: string): Promise<string>
  /**
   * The fields of a form that was sent from a page of this host. @param purposeOf what it was made for, by its own words
   * @throws XrpcError 403 ForeignForm | StaleForm, 415, 413
   */
  read(request: Request, visitor: Visitor, purposeOf: (fields: URLSearchParams) => string): Promise<URLSearchParams>
}

export const TOKEN = 'token'

export const formsOf = ({ origin, key }: { readonly origin: string; readonly key: () => Promise<CryptoKey> }): Forms => {
  const token: Forms['token'] = async ({ secret }, purpose) => macOf(await key(), `form ${secret} ${purpose}`)
  return {
    token,

    async read(request, visitor, purposeOf) {
      if (isForeign(request, origin)) throw new XrpcError(403, 'ForeignForm', 'This form comes from another site.')
      if (!/^application\/x-www-form-urlencoded\b/i.test(request.headers.get('content-type') ?? ''))
        throw new XrpcError(415, 'UnsupportedMediaType', 'Only forms are taken here.')
      const fields = new URLSearchParams(await readText(request))
      if (!isSameText(fields.get(TOKEN) ?? '', await token(visitor, purposeOf(fields))))
        throw new XrpcError(403, 'StaleForm', 'This form is too old, or is not for this browser.')
      return fields
    },
  }
}

/** What a browser says of where a form was. Some say nothing: the token decides then. */
const isForeign = ({ headers, referrer }: Request, origin: string): boolean => {
  const from = headers.get('origin')
  const site = headers.get('sec-fetch-site')
  if (from !== null && from !== origin) return true
  if (site !== null && site !== 'same-origin') return true
  return from === null && /^https?:/.test(referrer) && new URL(referrer).origin !== origin
}
