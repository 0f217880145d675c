/**
 * The one place where anything thrown becomes an answer.
 * @see https://atproto.com/specs/xrpc#error-responses
 */
import { LexValidationError } from '@atproto/lex'
import { XrpcError } from '../../wire/errors.ts'
import type { Log } from '../operations/log.ts'

/** What nobody foresaw goes to the log with its details; the client gets the request's id, by which its owner finds them there. */
export const toXrpcError = (cause: unknown, request: string, log: Pick<Log, 'failure'>): XrpcError => {
  if (cause instanceof XrpcError) return cause
  if (cause instanceof LexValidationError) return new XrpcError(400, 'InvalidRequest', cause.message)
  log.failure('a request failed', cause, request)
  const headers = { 'x-request-id': request }
  return new XrpcError(500, 'InternalServerError', `Internal Server Error (request ${request})`, { cause, headers })
}

export const xrpcErrorToResponse = ({ status, error, message, headers }: XrpcError): Response =>
  Response.json({ error, message }, { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers } })

/** Good enough to find one among the entries that the log holds. */
export const requestId = (): string => crypto.randomUUID().slice(0, 13)
