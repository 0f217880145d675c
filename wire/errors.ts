/**
 * Errors with a stable code, as every XRPC answer carries them: `{error, message}` plus an HTTP status.
 * @see https://atproto.com/specs/xrpc#error-responses
 */

export interface WireError {
  readonly status: number
  readonly error: string
  readonly message: string
}

/** Thrown by services and edges alike; one function (`sw/http/errors.ts`, `relay-shim/answer.ts`) turns it into a Response. */
export class XrpcError extends Error implements WireError {
  override readonly name = 'XrpcError'
  readonly status: number
  readonly error: string
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    error: string,
    message: string,
    options: ErrorOptions & { readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message, options)
    this.status = status
    this.error = error
    this.headers = options.headers ?? {}
  }

  toJSON(): { error: string; message: string } {
    return { error: this.error, message: this.message }
  }
}

export const invalidRequest = (message: string, error = 'InvalidRequest'): XrpcError => new XrpcError(400, error, message)

export const notImplemented = (nsid: string): XrpcError =>
  new XrpcError(501, 'MethodNotImplemented', `${nsid} is not implemented by this server`)
