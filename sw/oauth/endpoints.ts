/**
 * The endpoints that clients call: pushed requests, tokens, revocation. A proof and its nonce are judged before a code or a token is looked at.
 * @see https://datatracker.ietf.org/doc/html/rfc9126
 * @see https://datatracker.ietf.org/doc/html/rfc6749#section-3.2
 * @see https://datatracker.ietf.org/doc/html/rfc7009
 */
import { InvalidClientError, InvalidRequestError, OAuthError } from '@atproto/oauth-provider/errors'
import {
  oauthAuthorizationRequestParSchema,
  oauthClientCredentialsSchema,
  oauthTokenIdentificationSchema,
  oauthTokenRequestSchema,
} from '@atproto/oauth-types'
import type { ZodTypeAny } from 'zod'
import { XrpcError } from '../../wire/errors.ts'
import { readText } from '../http/body.ts'
import type { Log } from '../operations/log.ts'
import { describe, toOAuthFailure } from './errors.ts'
import type { ComposedProvider, PodProvider } from './provider.ts'

type Fields = Readonly<Record<string, unknown>>

/** @throws anything: `toOAuthFailure` makes an answer of it */
type Endpoint = (server: PodProvider, fields: Fields, request: Request, url: URL) => Promise<Response>

export interface Endpoints {
  /** null: nothing of ours is at that path. Never rejects. */
  answer(path: string, request: Request): Promise<Response> | null
}

export const endpointsOf = (parts: {
  readonly origin: string
  readonly provider: () => Promise<ComposedProvider>
  readonly log: Pick<Log, 'failure'>
}): Endpoints => ({
  answer: (path, request) => {
    const endpoint = ENDPOINTS[path]
    return endpoint ? answer(endpoint, path, request, parts) : null
  },
})

const push: Endpoint = async (server, fields, request, url) => {
  const credentials = parse(oauthClientCredentialsSchema, fields, InvalidClientError, 'Client credentials missing')
  if ('request_uri' in fields) throw new InvalidRequestError('request_uri must not be used here')
  const wanted = parse(oauthAuthorizationRequestParSchema, fields, InvalidRequestError, 'Invalid authorization request')
  const proof = await proofOf(server, request, url)
  return Response.json(await server.pushedAuthorizationRequest(credentials, wanted, proof), { status: 201 })
}

const token: Endpoint = async (server, fields, request, url) => {
  const credentials = parse(oauthClientCredentialsSchema, fields, InvalidClientError, 'Client credentials missing')
  const { grant_type: grantType } = fields
  if (typeof grantType === 'string' && !GRANT_TYPES.has(grantType))
    throw new OAuthError('unsupported_grant_type', `The grant type ${grantType} is not supported`)
  const wanted = parse(oauthTokenRequestSchema, fields, InvalidRequestError, 'Invalid request payload')
  const proof = await proofOf(server, request, url)
  return Response.json(await server.token(credentials, NOBODY, wanted, proof))
}

const revoke: Endpoint = async (server, fields, request, url) => {
  const credentials = parse(oauthClientCredentialsSchema, fields, InvalidClientError, 'Client credentials missing')
  const meant = parse(oauthTokenIdentificationSchema, fields, InvalidRequestError, 'Invalid request payload')
  const proof = await proofOf(server, request, url)
  await server.revoke(credentials, meant, proof)
  return Response.json({})
}

const GRANT_TYPES: ReadonlySet<string> = new Set(['authorization_code', 'refresh_token'])

const ENDPOINTS: Readonly<Record<string, Endpoint>> = { '/oauth/par': push, '/oauth/token': token, '/oauth/revoke': revoke }

const answer = async (
  endpoint: Endpoint,
  path: string,
  request: Request,
  { origin, provider, log }: Parameters<typeof endpointsOf>[0],
): Promise<Response> => {
  if (request.method !== 'POST')
    return refusal({ status: 405, error: 'invalid_request', description: 'POST it', headers: { allow: 'POST' } })
  try {
    const { server } = await provider()
    const response = await fieldsOf(request)
      // Its own address: what a request names is the caller's to choose.
      .then((fields) => endpoint(server, fields, request, new URL(path, origin)))
      .catch((cause: unknown) => refusal(toOAuthFailure(cause, log)))
    response.headers.set('dpop-nonce', server.nextDpopNonce() ?? '')
    return private_(response)
  } catch (cause) {
    return refusal(toOAuthFailure(cause, log))
  }
}

const refusal = ({ status, error, description, headers }: ReturnType<typeof toOAuthFailure>): Response =>
  private_(Response.json({ error, error_description: description }, { status, headers }))

/** @see https://datatracker.ietf.org/doc/html/rfc6749#section-5.1 */
const private_ = (response: Response): Response => {
  response.headers.set('cache-control', 'no-store')
  response.headers.set('pragma', 'no-cache')
  return response
}

const proofOf = (server: PodProvider, { method, headers }: Request, url: URL) => {
  const dpop = headers.get('dpop')
  return server.checkDpopProof(method, url, dpop === null ? {} : { dpop })
}

/** A form or a JSON object. @throws XrpcError 413 | 415 */
const fieldsOf = async (request: Request): Promise<Fields> => {
  const [type] = (request.headers.get('content-type') ?? '').split(';')
  switch (type?.trim().toLowerCase()) {
    case 'application/x-www-form-urlencoded':
      return fromForm(new URLSearchParams(await readText(request)))
    case 'application/json':
      return fromJson(await readText(request))
    default:
      throw new XrpcError(415, 'UnsupportedMediaType', 'Send a form, or JSON')
  }
}

/** None may come twice, and what comes without a value has not come: https://datatracker.ietf.org/doc/html/rfc6749#section-3.2 */
const fromForm = (form: URLSearchParams): Fields => {
  const fields = new Map<string, string>()
  for (const [name, value] of form) {
    if (fields.has(name)) throw new InvalidRequestError(`${name} comes twice`)
    fields.set(name, value)
  }
  return Object.fromEntries([...fields].filter(([, value]) => value !== ''))
}

const fromJson = (text: string): Fields => {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Said below.
  }
  throw new InvalidRequestError('Invalid JSON')
}

const parse = <S extends ZodTypeAny>(
  schema: S,
  fields: Fields,
  Failure: new (description: string, cause?: unknown) => OAuthError,
  what: string,
): S['_output'] => {
  const parsed = schema.safeParse(fields)
  if (parsed.success) return parsed.data
  throw new Failure(describe(parsed.error, what), parsed.error)
}

/** The core hands it to its hooks. */
const NOBODY = { ipAddress: '', port: 0 }
