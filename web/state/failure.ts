/** What went wrong, in a sentence for the person in front of the page. Told apart by the stable codes of `wire/errors.ts`, never by message text. */

/** Where the worker's own message would say too little, or nothing about what to do. */
const SENTENCES: Readonly<Record<string, string>> = {
  MethodNotImplemented: 'This version cannot do that yet. Nothing was changed.',
  StorageFull: 'This browser has no room left for it. Free some disk space, then try again.',
  WorkerUnavailable: 'The worker that runs your PDS in this browser does not answer. Try again.',
  ImportUnderWay: 'Another import is still running. Wait until it is finished.',
  NoPod: 'There is no PDS in this browser profile any more. Reload this page.',
}

/** The stable code, or '' for what is none of ours. */
export const codeOf = (cause: unknown): string =>
  typeof cause === 'object' && cause !== null && 'error' in cause ? String(cause.error) : ''

/** Always a whole sentence. */
export const sentenceOf = (cause: unknown): string => {
  const known = SENTENCES[codeOf(cause)]
  if (known !== undefined) return known
  const message = cause instanceof Error ? cause.message.trim() : ''
  if (message === '') return 'Something went wrong. Try again.'
  return /[.!?…]$/.test(message) ? message : `${message}.`
}
