/** What goes wrong at the endpoints that sites call, in the protocol's words. @see https://www.rfc-editor.org/rfc/rfc6749#section-5.2 */
import { XrpcError } from '../../wire/errors.ts'
import type { Log } from '../operations/log.ts'

type Code = 'invalid_request' | 'invalid_grant' | 'invalid_scope' | 'unsupported_grant_type'

/** 400. */
export const refusal = (error: Code, description: string): XrpcError => new XrpcError(400, error, description)

/** @see https://www.rfc-editor.org/rfc/rfc6750#section-3 */
export const noToken = (status: 401 | 403, error: 'invalid_token' | 'insufficient_scope', description: string): XrpcError =>
  new XrpcError(status, error, description, {
    headers: { 'www-authenticate': `Bearer error="${error}", error_description="${description}"` },
  })

export const toAnswer = (cause: unknown, log: Pick<Log, 'failure'>): Response => {
  if (cause instanceof XrpcError && cause.status < 500) {
    const { status, error, message, headers } = cause
    // Of refusals that are not this protocol's the status says enough.
    const code = /^[a-z_]+$/.test(error) ? error : 'invalid_request'
    return answer({ error: code, error_description: message }, status, headers)
  }
  log.failure('an IndieAuth request failed', cause)
  return answer({ error: 'server_error', error_description: 'The log of the pod says what went wrong.' }, 500)
}

/** Never kept by anybody on the way: https://www.rfc-editor.org/rfc/rfc6749#section-5.1 */
export const answer = (value: object, status = 200, headers: Readonly<Record<string, string>> = {}): Response =>
  Response.json(value, { status, headers: { 'cache-control': 'no-store', pragma: 'no-cache', ...headers } })
