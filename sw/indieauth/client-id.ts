/** Which URLs may name a site. @see https://indieauth.spec.indieweb.org/#client-identifier */
import { isLoopbackHost } from '../../wire/loopback.ts'
import { MAX_CLIENT_URL_CHARS } from '../../wire/indieauth-limits.ts'

/**
 * Only as browsers write it, but for the slash behind a bare host: whatever is spelled in another way (dot segments, capitals, a port that goes without saying, an address in
 * octal) could look like something else than it is. No fragment, no user, no IP address but of this machine. @returns null: it names nobody
 */
export const parseClientId = (text: string): URL | null => {
  if (text.length > MAX_CLIENT_URL_CHARS || text.includes('#') || !URL.canParse(text)) return null
  const url = new URL(text)
  if (url.href !== text && url.href !== `${text}/`) return null
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null
  if (url.username !== '' || url.password !== '') return null
  return isAddress(url.hostname) && !isLoopbackHost(url.hostname) ? null : url
}

const isAddress = (hostname: string): boolean => hostname.startsWith('[') || /^[\d.]+$/.test(hostname)
