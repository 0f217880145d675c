/**
 * XRPC: verb, parameters and input are checked against the generated lexicon schemas here and nowhere else; handlers get what is valid.
 * @see https://atproto.com/specs/xrpc
 */
import {
  type Cid,
  type InferMethodInputBody,
  type InferMethodOutputBody,
  type InferMethodParams,
  lexParse,
  lexStringify,
  type LexValue,
  type Procedure,
  type Query,
} from '@atproto/lex'
import { isValidNsid } from '@atproto/syntax'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { decoded, readText } from '../http/body.ts'

type Method = Query | Procedure

export interface Call<M extends Method, C> {
  readonly params: Exact<InferMethodParams<M>>
  /** Parsed and valid for JSON methods, the untouched Request for binary ones, undefined for the rest. */
  readonly input: Exact<InferMethodInputBody<M, Request>>
  readonly credentials: C
  readonly request: Request
  /** The same for every repetition of one request, so that a write lands once; absent for local requests. */
  readonly key: string | undefined
}

export interface Route {
  readonly nsid: string
  run(request: Request, key: string | undefined): Promise<Response>
}

/** Gives null where nobody needs to be known. */
type Guard<C> = (request: Request) => C | Promise<C>
/** What a schema calls optional is absent after parsing, never undefined. */
type Exact<T> = T extends Request | undefined ? T : { [K in keyof T]: Exclude<T[K], undefined> }

/** A Response is passed on as it is; undefined is an empty body. */
type Output<M extends Method> = Plain<InferMethodOutputBody<M>> | Response | undefined

/** Services speak in plain strings where the schemas' types know formats (`did:${string}`). */
type Plain<T> = T extends string
  ? string
  : T extends Cid | Uint8Array
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Plain<Item>[]
      : T extends object
        ? { readonly [K in keyof T]: Plain<T[K]> }
        : T

/** One method of the API: what it is (lexicon), who may call it (guard), what it does. */
export const route = <M extends Method, C>(
  method: M,
  guard: Guard<C>,
  handle: (call: Call<M, C>) => Output<M> | Promise<Output<M>>,
): Route => ({
  nsid: method.nsid,
  async run(request, key) {
    assertVerb(method, request)
    // The schemas are typed by method, TypeScript cannot see through the type parameter: hence the two casts.
    const params = parseParams(method, request.url) as Call<M, C>['params']
    let credentials: C | undefined
    try {
      credentials = await guard(request)
      const input = (await parseInput(method, request)) as Call<M, C>['input']
      const call = { params, input, credentials, request, key }
      const response = toResponse(await settledFirst(credentials, async () => handle(call)))
      return credentials === null ? response : keepPrivate(response)
    } catch (cause) {
      throw credentials === null ? cause : privately(cause)
    }
  },
})

/** Neither an answer nor what is thrown instead of one gets out before the guard has said everything (`AccessCredentials.settled`). */
const settledFirst = async <T>(credentials: unknown, handle: () => Promise<T>): Promise<T> => {
  try {
    return await handle()
  } finally {
    if (credentials instanceof Object && 'settled' in credentials) await credentials.settled
  }
}

const PRIVATE = { 'cache-control': 'private', vary: 'authorization' }

/** Says that this answer is one client's alone. Changes the headers in place. */
export const keepPrivate = (response: Response): Response => {
  response.headers.set('cache-control', PRIVATE['cache-control'])
  response.headers.append('vary', PRIVATE.vary)
  return response
}

/** The same for what is thrown. */
export const privately = (cause: unknown): unknown =>
  cause instanceof XrpcError
    ? new XrpcError(cause.status, cause.error, cause.message, { cause: cause.cause, headers: { ...cause.headers, ...PRIVATE } })
    : cause

/** @param otherwise what none of the routes answers. @throws XrpcError 501 where nobody does */
export const makeRouter = (routes: readonly Route[], otherwise: (nsid: string, request: Request) => Promise<Response>) => {
  const byNsid = new Map(routes.map((route) => [route.nsid, route]))
  /** @throws XrpcError */
  return async (nsid: string, request: Request, key?: string): Promise<Response> => {
    const route = byNsid.get(nsid)
    if (route) return route.run(request, key)
    if (!isValidNsid(nsid)) throw invalidRequest(`${JSON.stringify(nsid)} is not a valid NSID`)
    return otherwise(nsid, request)
  }
}

const assertVerb = ({ type, nsid }: Method, { method: verb }: Request): void => {
  const allow = type === 'query' ? 'GET, HEAD' : 'POST'
  if (!allow.split(', ').includes(verb))
    throw new XrpcError(405, 'InvalidRequest', `${nsid} takes ${allow}, not ${verb}`, { headers: { allow } })
}

const parseParams = ({ parameters, nsid }: Method, url: string): object => {
  const at = url.indexOf('?')
  return orInvalid(`Invalid ${nsid} params`, () => parameters.fromURLSearchParams(at === -1 ? '' : url.slice(at + 1)))
}

const parseInput = async (method: Method, request: Request): Promise<unknown> => {
  if (method.type === 'query') return undefined
  const { encoding, schema } = method.input
  const isEmpty = request.body === null || request.headers.get('content-length') === '0'
  if (encoding === undefined) {
    if (!isEmpty && (await readText(request)) !== '') throw invalidRequest('A request body was provided when none was expected')
    return undefined
  }
  const plain = decoded(request)
  if (isEmpty && encoding === 'application/json') throw invalidRequest('A request body is expected but none was provided')
  const given = request.headers.get('content-type')?.toLowerCase()
  if (!method.input.matchesEncoding(given)) throw invalidRequest(`Wrong request encoding (Content-Type): ${given ?? 'none'}`)
  if (encoding !== 'application/json') return plain
  const text = await readText(plain).catch((cause: unknown) => {
    throw cause instanceof XrpcError ? cause : new XrpcError(400, 'InvalidRequest', 'The request body could not be read', { cause })
  })
  // Strict: floats, and links or bytes that are none, exist in no data model value. @see https://atproto.com/specs/data-model
  const body = orInvalid('Invalid JSON body', () => lexParse(text, { strict: true }))
  return schema ? orInvalid(`Invalid ${method.nsid} input`, () => schema.parse(body)) : body
}

const orInvalid = <T>(what: string, parse: () => T): T => {
  try {
    return parse()
  } catch (cause) {
    throw new XrpcError(400, 'InvalidRequest', `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

const JSON_HEADERS = { 'content-type': 'application/json; charset=utf-8' }

const toResponse = (output: unknown): Response => {
  if (output instanceof Response) return output
  if (output === undefined) return new Response(null)
  return new Response(lexStringify(output as LexValue), { headers: JSON_HEADERS })
}
