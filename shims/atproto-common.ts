/** For `@atproto/common`: @atproto/repo uses its logger (pino, Node only) and what it re-exports from common-web. */
export * from '@atproto/common-web'

const silent = (): void => {}
export const subsystemLogger = () => ({ debug: silent, info: silent, warn: silent, error: silent, trace: silent, fatal: silent })
