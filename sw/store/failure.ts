/** What a failed transaction means to the layers above. @see https://www.w3.org/TR/IndexedDB/#exceptions */
import { XrpcError } from '../../wire/errors.ts'

/** QuotaExceededError → XrpcError 507 `StorageFull`; anything else is returned as it came. */
export const storeFailure = (cause: unknown): unknown =>
  cause instanceof Error && cause.name === 'QuotaExceededError'
    ? new XrpcError(507, 'StorageFull', 'The browser has no room left for this pod: nothing was changed.', { cause })
    : cause

interface Settling {
  readonly done: Promise<void>
  abort(): void
}

/**
 * Runs `work` inside `tx` and waits until it is committed; any error aborts the whole transaction.
 * `work` may await nothing but requests of this transaction, since IndexedDB commits at the first foreign `await`.
 */
export const settle = async <T>(tx: Settling, work: () => Promise<T>): Promise<T> => {
  try {
    const result = await work()
    await tx.done
    return result
  } catch (cause) {
    tx.done.catch(() => {})
    try {
      tx.abort()
    } catch {
      // Already aborted by the browser (quota, constraint): `cause` says why.
    }
    throw storeFailure(cause)
  }
}

/** For the last request of a transaction: it is committed with it, without a round trip to ask whether there is more. */
export const last = <T>(tx: { commit(): void }, request: Promise<T>): Promise<T> => {
  tx.commit()
  return request
}
