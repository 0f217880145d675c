/**
 * The one place where anything thrown in here becomes an answer of the OAuth endpoints.
 * @see https://datatracker.ietf.org/doc/html/rfc6749#section-5.2
 */
import { OAuthError, WWWAuthenticateError } from '@atproto/oauth-provider/errors'
import { errors } from 'jose'
import { ZodError } from 'zod'
import { XrpcError } from '../../wire/errors.ts'
import type { Log } from '../operations/log.ts'

export interface OAuthFailure {
  readonly status: number
  readonly error: string
  readonly description: string
  readonly headers: Readonly<Record<string, string>>
}

export const toOAuthFailure = (cause: unknown, log: Pick<Log, 'failure'>): OAuthFailure => {
  if (cause instanceof OAuthError) {
    const headers: Record<string, string> = cause instanceof WWWAuthenticateError ? { 'www-authenticate': cause.wwwAuthenticateHeader } : {}
    return { status: cause.statusCode, error: cause.error, description: cause.error_description, headers }
  }
  if (cause instanceof ZodError) return badRequest(describe(cause, 'Validation error'))
  if (cause instanceof errors.JOSEError) return badRequest(cause.message)
  if (cause instanceof XrpcError && cause.status < 500)
    return { ...badRequest(cause.message), status: cause.status, headers: cause.headers }
  log.failure('an OAuth request failed', cause)
  return { status: 500, error: 'server_error', description: 'Server error', headers: {} }
}

/** What is wrong, and where, of a value that does not fit. */
export const describe = (cause: ZodError, prefix: string): string => {
  const [issue] = cause.issues
  if (!issue) return prefix
  const path = issue.path.join('.')
  return `${prefix}: ${issue.message}${path && ` (at ${path})`}`
}

const badRequest = (description: string): OAuthFailure => ({ status: 400, error: 'invalid_request', description, headers: {} })
