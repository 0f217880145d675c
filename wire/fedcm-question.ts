/**
 * What a site wants to know, as its browser puts it, and how it is judged before anybody is looked up: while the tab is closed the room judges it alone.
 * @see https://w3c-fedid.github.io/FedCM/#idp-api-id-assertion-endpoint @see https://indieweb.org/FedCM_for_IndieAuth
 */
import * as v from 'valibot'
import { FEDCM, FedCmRefusal } from './fedcm.ts'
import { MAX_FEDCM_BODY_BYTES, MAX_FEDCM_CLIENT_CHARS, MAX_FEDCM_PARAMS_CHARS, MAX_FEDCM_STATE_CHARS } from './fedcm-limits.ts'

/** What a site wants to know, as its browser puts it. */
export interface Question {
  /** Of the site's own origin. */
  readonly clientId: string
  readonly accountId: string
  /** Of those that there are here; where the site named none, it follows from the fields that it wants the dialog to name. */
  readonly scopes: readonly string[]
  /** S256. */
  readonly codeChallenge: string
  /** Given back as it is. */
  readonly state: string | null
  /** The browser's dialog has said that the site gets name or picture: it says so to who is new to it. */
  readonly isCovered: boolean
}

/** The fields of an assertion or disconnect request. @param read at most MAX_FEDCM_BODY_BYTES, or it throws. @throws FedCmRefusal BadRequest */
export const readFields = async (request: Request, read: (request: Request) => Promise<string>): Promise<URLSearchParams> => {
  const type = request.headers.get('content-type') ?? ''
  if (request.method !== 'POST' || !/^application\/x-www-form-urlencoded\b/i.test(type)) throw new FedCmRefusal('BadRequest')
  if (Number(request.headers.get('content-length') ?? 0) > MAX_FEDCM_BODY_BYTES) throw new FedCmRefusal('BadRequest')
  try {
    const text = await read(request)
    if (text.length <= MAX_FEDCM_BODY_BYTES) return new URLSearchParams(text)
  } catch {
    // too long, or cut off
  }
  throw new FedCmRefusal('BadRequest')
}

/** The client_id, if it is the asking site's own. @throws FedCmRefusal OtherSite */
export const clientOf = (fields: URLSearchParams, { headers }: Pick<Request, 'headers'>): string => {
  const clientId = fields.get('client_id') ?? ''
  if (clientId.length > MAX_FEDCM_CLIENT_CHARS || !isWebPage(clientId)) throw new FedCmRefusal('OtherSite')
  if (new URL(clientId).origin !== headers.get('origin')) throw new FedCmRefusal('OtherSite')
  return clientId
}

const params = v.object({
  code_challenge: v.optional(v.unknown()),
  code_challenge_method: v.optional(v.unknown()),
  scope: v.optional(v.string()),
  state: v.optional(v.pipe(v.string(), v.maxLength(MAX_FEDCM_STATE_CHARS))),
})

/** @throws FedCmRefusal OtherSite | BadParams | NoPkce */
export const questionOf = (fields: URLSearchParams, request: Pick<Request, 'headers'>): Question => {
  const clientId = clientOf(fields, request)
  const { code_challenge: challenge, code_challenge_method: method, scope, state = null } = readParams(fields.get('params'))
  if (typeof challenge !== 'string' || !CHALLENGE.test(challenge) || method !== 'S256') throw new FedCmRefusal('NoPkce')
  const asked = scope?.split(' ') ?? (isOfProfile(fields.get('fields')) ? [PROFILE] : [])
  const isCovered = isOfProfile(fields.get('disclosure_shown_for')) || fields.get('disclosure_text_shown') === 'true'
  const scopes = SCOPES.filter((each) => asked.includes(each))
  return { clientId, accountId: fields.get('account_id') ?? '', scopes, codeChallenge: challenge, state, isCovered }
}

const PROFILE = 'profile'
const SCOPES = [PROFILE, 'email'] as const

const isOfProfile = (list: string | null): boolean => (list ?? '').split(',').some((field) => field === 'name' || field === 'picture')

/** What of these is not consented to by the browser's dialog alone. */
export const beyondDialog = ({ scopes, isCovered }: Question): readonly string[] =>
  scopes.filter((scope) => scope !== PROFILE || !isCovered)

const readParams = (text: string | null): v.InferOutput<typeof params> => {
  if (text === null) throw new FedCmRefusal('NoPkce')
  if (text.length > MAX_FEDCM_PARAMS_CHARS) throw new FedCmRefusal('BadParams')
  try {
    return v.parse(params, JSON.parse(text))
  } catch {
    throw new FedCmRefusal('BadParams')
  }
}

/** Where the owner goes on with a question: a path of this host, for the browser to open. */
export const continuePathOf = ({ clientId, scopes, codeChallenge, state }: Question): string => {
  const query = new URLSearchParams({ client_id: clientId, scope: scopes.join(' '), code_challenge: codeChallenge })
  if (state !== null) query.set('state', state)
  return `${FEDCM.continue}?${query.toString()}`
}

/** What `continuePathOf` has written, and anybody could. @throws FedCmRefusal OtherSite | BadParams | NoPkce */
export const continuedQuestion = (query: URLSearchParams): Omit<Question, 'accountId' | 'isCovered'> => {
  const clientId = query.get('client_id') ?? ''
  const codeChallenge = query.get('code_challenge') ?? ''
  const state = query.get('state')
  if (clientId.length > MAX_FEDCM_CLIENT_CHARS || !isWebPage(clientId)) throw new FedCmRefusal('OtherSite')
  if (!CHALLENGE.test(codeChallenge)) throw new FedCmRefusal('NoPkce')
  if (state !== null && state.length > MAX_FEDCM_STATE_CHARS) throw new FedCmRefusal('BadParams')
  const asked = (query.get('scope') ?? '').split(' ')
  return { clientId, scopes: SCOPES.filter((each) => asked.includes(each)), codeChallenge, state }
}

/** And nothing in it that would look like another address to a person, or to the next program. */
const isWebPage = (clientId: string): boolean => {
  if (!URL.canParse(clientId) || clientId.includes('#')) return false
  const { protocol, username, password } = new URL(clientId)
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === ''
}

/** 256 bits, base64url. @see https://www.rfc-editor.org/rfc/rfc7636#section-4.2 */
const CHALLENGE = /^[\w-]{43}$/
