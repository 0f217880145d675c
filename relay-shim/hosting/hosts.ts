/** Which host names are rooms: the setting `TABPOD_HOSTS`. Judged before a room is touched, because a Host header is a stranger's text, and every room costs something. */
import { isLoopback, parseHost } from '../hostname.ts'

/** `name`: with `*.` before it any one label stands there. `port`: null for the usual one, `any`: whatever stands there. `*` alone: whatever reaches the shim. */
export type HostPattern = '*' | { readonly name: string; readonly port: string | null }

const WILDCARD = '*.'

/** Of one entry of the setting, such as `pds.example.com`, `*.pods.example.com`, `localhost:*`; undefined: it is none. */
export const parseHostPattern = (written: string): HostPattern | undefined => {
  if (written === '*') return '*'
  const [, wildcard = '', name = '', port] = /^(\*\.)?([^:*]+)(?::(\*|\d+))?$/.exec(written.toLowerCase()) ?? []
  if (port === '*') return parseHost(name) === null ? undefined : { name: wildcard + name, port: 'any' }
  const host = parseHost(port === undefined ? name : `${name}:${port}`)
  return host === null ? undefined : { name: wildcard + name, port: portOf(host) }
}

/** `host` as given by `parseHost`. No patterns: the hosts of this machine alone, because a forgotten setting must not open a room for every name that a stranger thinks of. */
export const isListed = (patterns: readonly HostPattern[], host: string): boolean => {
  const name = nameOf(host)
  if (patterns.length === 0) return isLoopback(name)
  return patterns.some(
    (pattern) => pattern === '*' || (isNamed(pattern.name, name) && (pattern.port === 'any' || pattern.port === portOf(host))),
  )
}

/** A wildcard is exactly one label, as in a certificate: the rooms are the names that it covers. @see https://www.rfc-editor.org/rfc/rfc9525#section-6.3 */
const isNamed = (pattern: string, name: string): boolean =>
  pattern.startsWith(WILDCARD)
    ? name.slice(name.indexOf('.') + 1) === pattern.slice(WILDCARD.length) && name.includes('.')
    : name === pattern

const nameOf = (host: string): string => host.replace(/:\d+$/, '')
const portOf = (host: string): string | null => /:(\d+)$/.exec(host)?.[1] ?? null
