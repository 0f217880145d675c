/**
 * What the pod writes down of its own doings, for its owner alone: names, codes and times, never a token, a password, a body, or the parameters of a request.
 */

/** `warning`: somebody was refused. `error`: the pod could not do what it should. */
export const LOG_LEVELS = ['info', 'warning', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Things that happen beside requests. `owner`: commands of the owner's pages. */
export type LogTopic = 'sign-in' | 'account' | 'import' | 'owner' | 'uplink'

export type LogFact =
  | {
      readonly kind: 'request'
      /** Its id, by which an answer 500 and its stack are found. */
      readonly request: string
      /** local: the owner's own browser · shim: the world, through the room. */
      readonly origin: 'local' | 'shim'
      readonly method: string
      /** Without its parameters. */
      readonly path: string
      readonly status: number
      /** Code of the error that was answered. */
      readonly error?: string
      /** Until the head of the answer. */
      readonly ms: number
    }
  /** What nobody foresaw. */
  | { readonly kind: 'failure'; readonly message: string; readonly request?: string; readonly stack?: string }
  | { readonly kind: LogTopic; readonly message: string }

/** `at`: ms since 1970. `id` grows from entry to entry. */
export type LogEntry = { readonly id: number; readonly at: number; readonly level: LogLevel } & LogFact

/** Which entries: older than entry `before`, of `level` or worse; newest first, at most `limit` (MAX_LOG_READ). */
export interface LogQuery {
  readonly before?: number
  readonly level?: LogLevel
  readonly limit?: number
}
