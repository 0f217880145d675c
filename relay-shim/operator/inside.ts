/**
 * What rooms say to each other. Such requests come by `RoomPort.call` alone, and carry two marks that nobody outside can bring along: the front door lets no request
 * through that has either of them.
 */
import { XrpcError } from '../../wire/errors.ts'

/** The room that knows all others. `parseHost` takes no underscore, so no Host header names it. */
export const REGISTRY = '_operator'

const PREFIX = '/~inside/'
const HEADER = 'x-tabpod-inside'

/** Of one room to another. */
export type Order = 'report' | 'bound' | 'first' | 'look' | 'kick' | 'readmit' | 'forget'

export const isInsidePath = (pathname: string): boolean => pathname.startsWith(PREFIX)
export const hasInsideMark = (headers: Headers): boolean => headers.has(HEADER)

/** What is asked, if it was asked from inside. */
export const orderOf = ({ headers }: Request, pathname: string): string | null =>
  isInsidePath(pathname) && hasInsideMark(headers) ? pathname.slice(PREFIX.length) : null

/** @returns path and request for `RoomPort.call` */
export const insideRequest = (order: Order, body: unknown): { readonly path: string; readonly init: RequestInit } => ({
  path: PREFIX + order,
  init: { method: 'POST', headers: { 'content-type': 'application/json', [HEADER]: '1' }, body: JSON.stringify(body) },
})

/** @throws XrpcError as the other room did */
export const readInside = async <T>(response: Response): Promise<T> => {
  const said: unknown = await response.json().catch(() => null)
  // `as`: the other side is this very code.
  if (response.ok) return said as T
  const { error, message } = (said ?? {}) as { error?: string; message?: string }
  throw new XrpcError(response.status, error ?? 'InternalServerError', message ?? 'The room did not say why.')
}
