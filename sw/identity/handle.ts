/**
 * Which handles this pod may carry.
 * @see https://atproto.com/specs/handle
 */
import { isValidHandle, isValidTld } from '@atproto/syntax'
import { invalidRequest } from '../../wire/errors.ts'
import { isLoopbackHost } from '../../wire/loopback.ts'

/**
 * The handle in its normal form (lower case).
 * @param origin where the pod lives: `.test` and `.localhost` names work on loopback hosts only, because nobody else could resolve them.
 * @throws XrpcError 400 InvalidHandle
 */
export const admitHandle = (wanted: string, origin: string): string => {
  const handle = wanted.trim().toLowerCase()
  if (!isValidHandle(handle)) throw invalidRequest(`${JSON.stringify(wanted)} is not a valid handle`, 'InvalidHandle')
  if (isLoopbackHandle(handle)) {
    if (!isLoopbackHost(new URL(origin).hostname))
      throw invalidRequest('handles under .test and .localhost are for loopback hosts only', 'InvalidHandle')
  } else if (!isValidTld(handle)) {
    throw invalidRequest(`${handle} ends in a reserved name that never resolves`, 'InvalidHandle')
  }
  return handle
}

/** Names for tests, which nobody resolves. */
export const isLoopbackHandle = (handle: string): boolean => handle.endsWith('.test') || handle.endsWith('.localhost')
