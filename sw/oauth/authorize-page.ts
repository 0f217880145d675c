/**
 * `/oauth/authorize`: who is it, may this app, and the way back. Every answer of the owner's is a form, every page can be asked for again, and nobody is sent anywhere without a click
 * here, unless the app asked without a word (`prompt=none`).
 */
import { XrpcError } from '../../wire/errors.ts'
import { HOUR_MS } from '../../wire/oauth-limits.ts'
import { type Speaker, speaking } from '../languages/languages.ts'
import { isKey } from '../languages/words.ts'
import type { AuthorizationReply, AuthorizationRequest, Authorizations } from './contract.ts'
import { type Visitor, withCookie } from './devices.ts'
import { type Forms, TOKEN } from './forms.ts'
import { consentPage, type FormView, SPANS } from './pages/consent.ts'
import { continuePage, returnPage, silentReturn } from './pages/ending.ts'
import { HEADERS } from './pages/page.ts'
import { describeScopes } from './pages/scope-sentences.ts'
import { choicePage, signInPage } from './pages/sign-in.ts'
import { type DoorParts, enter, problemOf } from './sign-in.ts'

export interface AuthorizePageParts extends DoorParts, Speaker {
  readonly forms: Forms
  readonly authorizations: Authorizations
}

export const AUTHORIZE_PATH = '/oauth/authorize'

/** @throws XrpcError, OAuthError, where nothing may go back to the app */
export const showAuthorize = async (given: AuthorizePageParts, query: URLSearchParams, visitor: Visitor): Promise<Response> => {
  const begun = await given.authorizations.begin(query, visitor)
  if (begun.kind === 'reply') return begun.isSilent ? silentReturn(given.house, begun.reply) : askToReturn(given, begun.reply)
  const { request } = begun
  const parts = await speaking(given, request.locales)
  const { house } = parts
  if (request.account.isLoginRequired) return askWho(parts, request, visitor)
  if (request.prompt === 'select_account' && query.get('step') !== 'consent')
    return choicePage(house, { app: request.client, accounts: [request.account], form: await formOf(parts, request, visitor) })
  return askConsent(parts, request, visitor)
}

/** @throws like `showAuthorize`, and 403 ForeignForm | StaleForm */
export const takeAuthorize = async (given: AuthorizePageParts, sent: Request, visitor: Visitor): Promise<Response> => {
  const { forms, authorizations, now } = given
  const fields = await forms.read(sent, visitor, (said) => purposeOf(said.get('request_uri') ?? ''))
  const query = new URLSearchParams({ client_id: fields.get('client_id') ?? '', request_uri: fields.get('request_uri') ?? '' })
  const requestUri = query.get('request_uri') ?? ''
  if (fields.get('do') === 'deny') return goBack(given, await authorizations.deny({ requestUri, device: visitor }))

  const begun = await authorizations.begin(query, visitor)
  if (begun.kind === 'reply') return askToReturn(given, begun.reply)
  const { request } = begun
  const parts = await speaking(given, request.locales)
  if (fields.get('do') === 'sign-in') return letIn(parts, request, visitor, fields)
  if (fields.get('do') === 'switch' || request.account.isLoginRequired) return askWho(parts, request, visitor)
  if (fields.get('do') !== 'allow') return askConsent(parts, request, visitor)
  const hours = Number(SPANS.find(([value]) => value === fields.get('for'))?.[0] ?? 0)
  const scopes = request.scopes.filter((scope) => scope === 'atproto' || fields.getAll('scope').includes(scope))
  const until = hours > 0 ? { until: now() + hours * HOUR_MS } : {}
  return goBack(parts, await authorizations.accept({ requestUri, device: visitor, scopes, ...until }))
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
    return askWho(parts, request, visitor, { problem: problemOf(parts.house.words, cause), identifier: fields.get('identifier') ?? '' })
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
  const { words } = parts.house
  const { say } = words
  return consentPage(parts.house, {
    app: client,
    account,
    permissions: describeScopes(words, scopes, permissionSets),
    known: account.grantedBefore,
    facts: [
      [say('fact.client'), client.id],
      [say('fact.answer'), redirectsTo],
      [say('fact.asked'), scopes.join(' ')],
      ...permissionSets.map((set) => [say('fact.set', { set: set.nsid }), set.scopes.join(' ')] as const),
      [say('fact.proof'), say(client.isConfidential ? 'fact.proof.key' : 'fact.proof.none')],
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

const goBack = async (parts: AuthorizePageParts, reply: AuthorizationReply): Promise<Response> =>
  returnPage((await speaking(parts, reply.locales ?? [])).house, reply)

/** Nobody has clicked here yet. */
const askToReturn = async (parts: AuthorizePageParts, reply: AuthorizationReply): Promise<Response> => {
  const { house } = await speaking(parts, reply.locales ?? [])
  const { say } = house.words
  if (reply.outcome === 'granted') return continuePage(house, reply, { title: say('end.granted'), message: say('end.granted.text') })
  const reason = `end.${reply.outcome}`
  return continuePage(house, reply, { title: say('end.stuck'), message: say(isKey(reason) ? reason : 'end.app') })
}
