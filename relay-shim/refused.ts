/** What the room says when it will not do what a tab or a client asked: a stable code and one sentence for people. */
export class Refused extends Error {
  override readonly name = 'Refused'
  /** Stable code (`BadSignature`, `NotYours`, …), at most 64 characters: it travels in frames. */
  readonly error: string

  constructor(error: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.error = error
  }
}

/** The same for something unforeseen: the log gets what the other side does not. */
export const saidOf = (cause: unknown): { error: string; message: string } => {
  if (!(cause instanceof Refused)) console.error('room: failed for the tab', cause)
  return refusalOf(cause)
}

/** Anything thrown, as `{error, message}` for a frame or a body. What is not `Refused` keeps its details to itself. */
export const refusalOf = (cause: unknown): { error: string; message: string } =>
  cause instanceof Refused
    ? { error: cause.error, message: cause.message.slice(0, 512) }
    : { error: 'InternalServerError', message: 'The room failed to do this; its log says why.' }
