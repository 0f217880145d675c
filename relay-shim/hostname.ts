/** Host headers: client-controlled text that names a room, so only a plain host name passes. @see https://www.rfc-editor.org/rfc/rfc9110#section-7.2 */

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
const HOST = new RegExp(`^(${LABEL}(?:\\.${LABEL})*)(?::([1-9]\\d{0,4}))?$`)
const MAX_HOSTNAME_CHARS = 253

/**
 * The room's name: lower case, default port left out, so that one origin is one room. Null for anything that is not `name[:port]`: IPv6 literals
 * (a did:web cannot carry them), trailing dots, user info.
 */
export const parseHost = (header: string | null): string | null => {
  const match = HOST.exec((header ?? '').toLowerCase())
  const [, hostname, port] = match ?? []
  if (!hostname || hostname.length > MAX_HOSTNAME_CHARS || Number(port ?? 0) > 65_535) return null
  if (!port) return hostname
  const isDefaultPort = isLoopback(hostname) ? port === '80' : port === '443'
  return isDefaultPort ? hostname : `${hostname}:${port}`
}

/** Hosts that never leave the machine: plain http is a secure context there. @see https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy */
export const isLoopback = (hostname: string): boolean =>
  hostname === 'localhost' || hostname.endsWith('.localhost') || /^127(\.\d{1,3}){3}$/.test(hostname)

/** Whether only this machine can reach the room. `host` as given by `parseHost`. */
export const isOnThisMachine = (host: string): boolean => isLoopback(host.replace(/:\d+$/, ''))

/** `host` as given by `parseHost`. */
export const originOf = (host: string): string => `${isOnThisMachine(host) ? 'http' : 'https'}://${host}`
