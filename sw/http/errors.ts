/**
 * The one place where anything thrown becomes an answer.
 * @see https://atproto.com/specs/xrpc#error-responses
 */
import { LexValidationError } from '@atproto/lex'
import { XrpcError } from '../../wire/errors.ts'

/** What is neither ours nor a validation error answers 500 with a request id; its details stay in the console. */
export const errorToResponse = (cause: unknown): Response => {
  const { status, error, message, headers } = toXrpcError(cause)
  return Response.json({ error, message }, { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers } })
}

const toXrpcError = (cause: unknown): XrpcError => {
  if (cause instanceof XrpcError) return cause
  if (cause instanceof LexValidationError) return new XrpcError(400, 'InvalidRequest', cause.message)
  const id = crypto.randomUUID()
  console.error(`request ${id} failed`, cause)
  return new XrpcError(500, 'InternalServerError', `Internal Server Error (request ${id})`)
}
