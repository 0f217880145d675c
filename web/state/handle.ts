/** The handle a new pod starts with, and what is wrong with one that somebody types. @see https://atproto.com/specs/handle */

const SYNTAX = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/
const MAX_LENGTH = 253
/** Nobody else could resolve these: fine on loopback hosts, nowhere else. */
const LOCAL = new Set(['test', 'localhost'])
/** Top-level domains that the spec reserves: no handle may end in one. */
const RESERVED = new Set(['alt', 'arpa', 'example', 'internal', 'invalid', 'local', 'onion'])

/** `host` is `location.host`: port and case do not matter. */
export const isLoopback = (host: string): boolean => {
  const name = hostName(host)
  return name === 'localhost' || name.endsWith('.localhost') || name.startsWith('127.') || name === '[::1]'
}

/** Host name without port, lower-case. */
export const hostName = (host: string): string => host.toLowerCase().replace(/:\d+$/, '')

/** On a real host the name is already the owner's; on loopback nothing resolves, so a `.test` name has to do. */
export const suggestHandle = (host: string): string => (isLoopback(host) ? 'alice.test' : hostName(host))

/** As people write it: an `@` before it and capitals are forgiven. */
export const normalizeHandle = (typed: string): string => typed.trim().replace(/^@/, '').toLowerCase()

/** A sentence with the remedy, or null when the handle is fine for a pod at `host`. */
export const handleProblem = (handle: string, host: string): string | null => {
  if (handle === '') return `Type a handle, for example ${suggestHandle(host)}.`
  if (!handle.includes('.'))
    return `A handle is a domain name: try ${handle.replace(/[^a-z0-9-]/g, '') || 'alice'}.${isLoopback(host) ? 'test' : hostName(host)}.`
  if (handle.length > MAX_LENGTH || !SYNTAX.test(handle)) return 'Use letters, digits and hyphens, with dots between the parts.'
  const ending = handle.slice(handle.lastIndexOf('.') + 1)
  if (LOCAL.has(ending)) return isLoopback(host) ? null : `.${ending} works on localhost only. Use ${hostName(host)}.`
  if (RESERVED.has(ending)) return `Names ending in .${ending} are reserved. Use another ending.`
  return null
}
