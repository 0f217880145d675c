/**
 * `/oauth/authorize`: who is it, may this app, and the way back. Every answer of the owner's is a form, every page can be asked for again, and nobody is sent anywhere without a click
 * here, unless the app asked without a word (`prompt=none`).
 */
import { XrpcError } from '../../wire/errors.ts'
import { HOUR_MS } from '../../wire/oauth-limits.ts'
import type { AuthorizationReply, AuthorizationRequest, Authorizations } from './contract.ts'
import { type Visitor, withCookie } from './devices.ts'
import { type Forms, TOKEN } from './forms.ts'
import { consentPage, type FormView, SPANS } from './pages/consent.ts'
import { continuePage, returnPage, silentReturn } from './pages/ending.ts'
import { HEADERS, type House } from './pages/page.ts'
import { describeScopes } from './pages/scope-sentences.ts'
import { choicePage, signInPage } from './pages/sign-in.ts'
import { type DoorParts, enter, problemOf } from './sign-in.ts'

export interface AuthorizePageParts extends DoorParts {
  readonly house: House
  readonly forms: Forms
  readonly authorizations: Authorizations
}

export const AUTHORIZE_PATH = '/oauth/authorize'

/** @throws XrpcError, OAuthError, where nothing may go back to the app */
export const showAuthorize = async (parts: AuthorizePageParts, query: URLSearchParams, visitor: Visitor): Promise<Response> => {
  const { house, authorizations } = parts
  const begun = await authorizations.begin(query, visitor)
  if (begun.kind === 'reply')
    return begun.isSilent ? silentReturn(house, begun.reply) : continuePage(house, begun.reply, wordsFor(begun.reply))
  const { request } = begun
  if (request.account.isLoginRequired) return askWho(parts, request, visitor)
  if (request.prompt === 'select_account' && query.get('step') !== 'consent')
    return choicePage(house, { app: request.client, accounts: [request.account], form: await formOf(parts, request, visitor) })
  return askConsent(parts, request, visitor)
}

/** @throws like `showAuthorize`, and 403 ForeignForm | StaleForm */
export const takeAuthorize = async (parts: AuthorizePageParts, sent: Request, visitor: Visitor): Promise<Response> => {
  const { house, forms, authorizations, now } = parts
  const fields = await forms.read(sent, visitor, (said) => purposeOf(said.get('request_uri') ?? ''))
  const query = new URLSearchParams({ client_id: fields.get('client_id') ?? '', request_uri: fields.get('request_uri') ?? '' })
  const requestUri = query.get('request_uri') ?? ''
  if (fields.get('do') === 'deny') return returnPage(house, await authorizations.deny({ requestUri, device: visitor }))

  const begun = await authorizations.begin(query, visitor)
  if (begun.kind === 'reply') return continuePage(house, begun.reply, wordsFor(begun.reply))
  const { request } = begun
  if (fields.get('do') === 'sign-in') return letIn(parts, request, visitor, fields)
  if (fields.get('do') === 'switch' || request.account.isLoginRequired) return askWho(parts, request, visitor)
  if (fields.get('do') !== 'allow') return askConsent(parts, request, visitor)
  const hours = Number(SPANS.find(([value]) => value === fields.get('for'))?.[0] ?? 0)
  const scopes = request.scopes.filter((scope) => scope === 'atproto' || fields.getAll('scope').includes(scope))
  const until = hours > 0 ? { until: now() + hours * HOUR_MS } : {}
  return returnPage(house, await authorizations.accept({ requestUri, device: visitor, scopes, ...until }))
}

const letIn = async (
  parts: AuthorizePageParts,
  request: AuthorizationRequest,
  visitor: Visitor,
  fields: URLSearchParams,
): Promise<Response> => {
  try {
    const entered = await enter(parts, visitor, fields)
    const query = new URLSearchParams({ client_id: request.client.id, request_uri: request.requestUri, step: 'consent' })
    const headers = { ...HEADERS, location: `${AUTHORIZE_PATH}?${query.toString()}` }
    // Not the page itself: going back or reloading would send the password again.
    return withCookie(new Response(null, { status: 303, headers }), entered)
  } catch (cause) {
    if (!(cause instanceof XrpcError) || cause.status >= 500) throw cause
    return askWho(parts, request, visitor, { problem: problemOf(cause), identifier: fields.get('identifier') ?? '' })
  }
}

const askWho = async (
  parts: AuthorizePageParts,
  request: AuthorizationRequest,
  visitor: Visitor,
  before?: { readonly problem: string; readonly identifier: string },
): Promise<Response> => {
  const passkey = await parts.passkeys.request(visitor)
  return signInPage(parts.house, {
    app: request.client,
    identifier: request.loginHint ?? request.account.handle,
    ...before,
    ...(passkey !== null && { passkey }),
    form: await formOf(parts, request, visitor),
  })
}

const askConsent = async (parts: AuthorizePageParts, request: AuthorizationRequest, visitor: Visitor): Promise<Response> => {
  const { client, scopes, permissionSets, account, redirectsTo } = request
  return consentPage(parts.house, {
    app: client,
    account,
    permissions: describeScopes(scopes, permissionSets),
    known: account.grantedBefore,
    facts: [
      ['Client', client.id],
      ['The answer goes to', redirectsTo],
      ['Asked for', scopes.join(' ')],
      ...permissionSets.map((set) => [`In ${set.nsid}`, set.scopes.join(' ')] as const),
      ['Proves itself', client.isConfidential ? 'by a key of its own' : 'not: anyone could send this request in its name'],
    ],
    form: await formOf(parts, request, visitor),
  })
}

const formOf = async (
  { forms }: AuthorizePageParts,
  { client, requestUri }: AuthorizationRequest,
  visitor: Visitor,
): Promise<FormView> => ({
  action: AUTHORIZE_PATH,
  fields: { [TOKEN]: await forms.token(visitor, purposeOf(requestUri)), client_id: client.id, request_uri: requestUri },
})

const purposeOf = (requestUri: string): string => `authorize ${requestUri}`

const wordsFor = ({ outcome }: AuthorizationReply): { readonly title: string; readonly message: string } =>
  outcome === 'granted'
    ? { title: 'You are signed in already', message: 'You allowed this app before, and it asks for nothing more.' }
    : { title: 'This sign-in cannot go on', message: REASONS[outcome] ?? 'The app asked in a way that this server does not take.' }

const REASONS: Readonly<Record<string, string>> = {
  access_denied: 'It was answered already, has expired, or was begun in another browser.',
  invalid_scope: 'The app asks for something that this server does not know, or could not look up.',
  login_required: 'The app wants you signed in, and you are not.',
  consent_required: 'The app wants to be allowed already, and is not.',
  account_selection_required: 'The app wants an account chosen, and none is signed in in this browser.',
  server_error: 'Something went wrong here.',
}
