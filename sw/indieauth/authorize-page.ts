/**
 * `/indieauth/authorize`: who is it, may this site know, and the way back. Everything that a request is stands in its address and in the page's form, so nothing is kept for
 * visitors; and nobody is sent anywhere without a click here.
 * @see https://indieauth.spec.indieweb.org/#authorization-request
 */
import { XrpcError } from '../../wire/errors.ts'
import { INDIEAUTH } from '../../wire/indieauth.ts'
import { speaking } from '../languages/languages.ts'
import type { AuthorizationReply, ShownClient } from '../oauth/contract.ts'
import { type Visitor, withCookie } from '../oauth/devices.ts'
import { TOKEN } from '../oauth/forms.ts'
import type { PagesParts } from '../oauth/front.ts'
import type { FormView } from '../oauth/pages/consent.ts'
import { continuePage, returnPage } from '../oauth/pages/ending.ts'
import { HEADERS } from '../oauth/pages/page.ts'
import { signInPage } from '../oauth/pages/sign-in.ts'
import { enter, problemOf } from '../oauth/sign-in.ts'
import { type BadSiteRequest, parseSiteRequest, type SiteRequest } from './authorization-request.ts'
import type { InformationOf } from './client-information.ts'
import { siteConsentPage } from './consent-page.ts'
import type { Sites } from './contract.ts'
import { issuerOf } from './metadata.ts'
import { ownerProfile, type ProfileParts } from './profile.ts'

export interface SiteAuthorizeParts extends PagesParts, ProfileParts {
  readonly identity: PagesParts['identity'] & ProfileParts['identity']
  readonly sites: Sites
  readonly informationOf: InformationOf
}

/** @throws XrpcError where nothing may go back to the site */
export const showSiteAuthorize = async (given: SiteAuthorizeParts, query: URLSearchParams, visitor: Visitor): Promise<Response> => {
  const request = await parseSiteRequest(query, given.informationOf)
  const parts = await speaking(given, request.locales)
  if ('error' in request) return askToReturn(parts, request)
  return visitor.account ? askConsent(parts, request, visitor) : askWho(parts, request, visitor)
}

/** @throws like `showSiteAuthorize`, and 403 ForeignForm | StaleForm */
export const takeSiteAuthorize = async (given: SiteAuthorizeParts, sent: Request, visitor: Visitor): Promise<Response> => {
  const { forms, sites } = given
  const fields = await forms.read(sent, visitor, (said) => purposeOf(said.get('request') ?? ''))
  const request = await parseSiteRequest(new URLSearchParams(fields.get('request') ?? ''), given.informationOf)
  const parts = await speaking(given, request.locales)
  const { house } = parts
  if ('error' in request) return askToReturn(parts, request)
  const { clientId, redirectUri, codeChallenge } = request
  switch (fields.get('do')) {
    case 'deny':
      // Of what strangers do nothing is written down: they could fill the ledger.
      if (visitor.account) await sites.refuse({ clientId: clientId.href, road: 'redirect', deviceId: visitor.id })
      return returnPage(house, replyTo(parts.identity.origin, request, { error: 'access_denied', error_description: 'The owner said no' }))
    case 'sign-in':
      return letIn(parts, request, visitor, fields)
    case 'allow': {
      if (!visitor.account) return askWho(parts, request, visitor)
      const scopes = request.scopes.filter((scope) => fields.getAll('scope').includes(scope))
      const withheld = request.scopes.filter((scope) => !scopes.includes(scope))
      const code = await sites.allow({ clientId: clientId.href, redirectUri, scopes, withheld, codeChallenge, deviceId: visitor.id })
      return returnPage(house, replyTo(parts.identity.origin, request, { code }))
    }
    default:
      return askWho(parts, request, visitor)
  }
}

const letIn = async (parts: SiteAuthorizeParts, request: SiteRequest, visitor: Visitor, fields: URLSearchParams): Promise<Response> => {
  try {
    const entered = await enter(parts, visitor, fields)
    // Not the page itself: going back or reloading would send the password again.
    const location = `${INDIEAUTH.authorize}?${request.text}`
    return withCookie(new Response(null, { status: 303, headers: { ...HEADERS, location } }), entered)
  } catch (cause) {
    if (!(cause instanceof XrpcError) || cause.status >= 500) throw cause
    return askWho(parts, request, visitor, { problem: problemOf(parts.house.words, cause), identifier: fields.get('identifier') ?? '' })
  }
}

const askWho = async (
  parts: SiteAuthorizeParts,
  request: SiteRequest,
  visitor: Visitor,
  before?: { readonly problem: string; readonly identifier: string },
): Promise<Response> => {
  const passkey = await parts.passkeys.request(visitor)
  return signInPage(parts.house, {
    app: toShown(request),
    identifier: parts.identity.handle,
    ...before,
    ...(passkey !== null && { passkey }),
    form: await formOf(parts, request, visitor),
  })
}

const askConsent = async (parts: SiteAuthorizeParts, request: SiteRequest, visitor: Visitor): Promise<Response> => {
  const { house, identity, sites } = parts
  const { clientId, redirectUri, scopes, asked, me } = request
  const { say } = house.words
  const [profile, { email }, known] = await Promise.all([
    ownerProfile(parts),
    parts.email.current(),
    sites.known().then((rows) => rows.find((row) => row.clientId === clientId.href)),
  ])
  const { host, protocol } = new URL(redirectUri)
  return siteConsentPage(house, {
    app: toShown(request),
    account: identity,
    profile,
    ...(email !== undefined && { email }),
    scopes,
    known: known?.scopes ?? null,
    ...(isSomebodyElse(me, identity.origin) && { expected: me }),
    redirectsTo: host || protocol,
    facts: [
      [say('fact.site'), clientId.href],
      [say('fact.answer'), redirectUri],
      [say('fact.asked'), asked || say('fact.asked.nothing')],
    ],
    form: await formOf(parts, request, visitor),
  })
}

const formOf = async ({ forms }: SiteAuthorizeParts, { text }: SiteRequest, visitor: Visitor): Promise<FormView> => ({
  action: INDIEAUTH.authorize,
  fields: { [TOKEN]: await forms.token(visitor, purposeOf(text)), request: text },
})

const purposeOf = (text: string): string => `site ${text}`

/** Nobody has clicked here yet. */
const askToReturn = ({ house, identity }: SiteAuthorizeParts, { error, description, ...request }: BadSiteRequest): Promise<Response> =>
  continuePage(house, replyTo(identity.origin, request, { error, error_description: description }), {
    title: house.words.say('end.stuck'),
    message: house.words.say('end.site'),
  })

/** @see https://www.rfc-editor.org/rfc/rfc9207 */
const replyTo = (
  origin: string,
  { redirectUri, state }: Pick<BadSiteRequest, 'redirectUri' | 'state'>,
  said: { readonly code: string } | { readonly error: string; readonly error_description: string },
): AuthorizationReply => {
  const url = new URL(redirectUri)
  for (const [name, value] of Object.entries({ ...said, ...(state !== null && { state }), iss: issuerOf(origin) }))
    url.searchParams.set(name, value)
  return { kind: 'redirect', url: url.href, outcome: 'error' in said ? said.error : 'granted' }
}

/** Of what it says of itself nothing is verified but the address. */
const toShown = ({ clientId, information: { name } }: SiteRequest): ShownClient => ({
  id: clientId.href,
  host: clientId.host,
  isTrusted: false,
  isConfidential: false,
  ...(name !== undefined && { name }),
})

/** What was typed at the site: any page of this host means its owner. */
const isSomebodyElse = (me: string | null, origin: string): me is string => me !== null && URL.canParse(me) && new URL(me).origin !== origin
