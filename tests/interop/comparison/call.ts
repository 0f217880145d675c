/** A request of the script that both servers get, said once for both. */
import type { MailPurpose, Side } from './side.ts'

export interface Call {
  /** Named in docs/differences.md. */
  readonly id: string
  readonly method: string
  readonly path: (side: Side) => string
  /** Whose token it shows: the name under which a call before has kept it. */
  readonly as: string
  readonly headers?: (side: Side) => Record<string, string>
  readonly body?: (side: Side) => BodyInit
  /** The newest mail of this kind is read first; its token is kept as `mail`. */
  readonly mail?: MailPurpose
  /** What later calls need of the answer: name → path into its JSON. */
  readonly keep: Readonly<Record<string, string>>
}

type Given<T> = T | ((side: Side) => T)
type Params = Readonly<Record<string, string | readonly string[]>>

export interface Options {
  /** Default: `nobody` for queries, `owner` for procedures. */
  readonly as?: string
  readonly method?: string
  readonly headers?: Given<Record<string, string>>
  readonly keep?: Readonly<Record<string, string>>
  readonly mail?: MailPurpose
}

/** A query is named by its method's last word and by what is special about it: `getRecord-missing`. */
export const query = (id: string, nsid: string, params: Given<Params> = {}, options: Options = {}): Call => ({
  ...callOf(id, { method: 'GET', as: 'nobody', ...options }),
  path: (side) => {
    const pairs = Object.entries(given(params, side)).flatMap(([name, values]) => [values].flat().map((value) => [name, value]))
    const search = new URLSearchParams(pairs as string[][]).toString()
    return `/xrpc/${nsid}${search === '' ? '' : `?${search}`}`
  },
})

/** @param input an object is sent as JSON; text and bytes as they are, with the content type that `options.headers` name */
export const procedure = (id: string, nsid: string, input?: Given<object | string | Uint8Array>, options: Options = {}): Call => {
  const call = callOf(id, { method: 'POST', as: 'owner', ...options })
  if (input === undefined) return { ...call, path: () => `/xrpc/${nsid}` }
  return {
    ...call,
    path: () => `/xrpc/${nsid}`,
    headers: (side) => ({ ...(isJson(given(input, side)) && { 'content-type': 'application/json' }), ...call.headers?.(side) }),
    body: (side) => {
      const value = given(input, side)
      return isJson(value) ? JSON.stringify(value) : (value as BodyInit)
    },
  }
}

/** Any address. */
export const address = (id: string, path: string, options: Options = {}): Call => ({
  ...callOf(id, { method: 'GET', as: 'nobody', ...options }),
  path: () => path,
})

const callOf = (id: string, options: Options & { method: string; as: string }): Omit<Call, 'path'> => {
  const { method, as, headers, mail, keep = {} } = options
  return { id, method, as, keep, ...(mail && { mail }), ...(headers && { headers: (side: Side) => given(headers, side) }) }
}

const isJson = (value: object | string | Uint8Array): value is object => typeof value === 'object' && !(value instanceof Uint8Array)

const given = <T>(value: Given<T>, side: Side): T => (typeof value === 'function' ? (value as (side: Side) => T)(side) : value)
