/** The operator's mail server, from its settings. No mistake quotes the address: it holds a password. */
import { isMailAddress } from './letter.ts'

export interface SmtpServer {
  readonly hostname: string
  readonly port: number
  /** TLS from the first byte (smtps://); else STARTTLS. @see https://www.rfc-editor.org/rfc/rfc8314 */
  readonly isTls: boolean
  readonly login: { readonly user: string; readonly password: string } | null
  /** Who the mail is from. */
  readonly from: string
}

const SUBMISSION_PORT = 587
const SUBMISSIONS_PORT = 465

/**
 * `TABPOD_SMTP_URL` (`smtp://` or `smtps://user:password@host:port/`, user and password percent-encoded) and `TABPOD_SMTP_FROM` (an address).
 * null where neither is given, or with what is wrong as sentences in `mistakes`.
 */
export const readSmtpServer = (url: string | null, from: string | null, mistakes: string[]): SmtpServer | null => {
  if (url === null) {
    if (from !== null) mistakes.push('TABPOD_SMTP_FROM is set, so TABPOD_SMTP_URL must be, too.')
    return null
  }
  if (from === null) mistakes.push('TABPOD_SMTP_URL is set, so TABPOD_SMTP_FROM must name the address that mail is sent from.')
  else if (!isMailAddress(from)) mistakes.push(`TABPOD_SMTP_FROM must be an e-mail address, not "${from}".`)
  const server = parseSmtpUrl(url)
  if (typeof server === 'string') mistakes.push(server)
  return typeof server === 'string' || from === null ? null : { ...server, from }
}

/** A sentence when it is none. */
const parseSmtpUrl = (text: string): Omit<SmtpServer, 'from'> | string => {
  const url = URL.canParse(text) ? new URL(text) : null
  if (!url || (url.protocol !== 'smtp:' && url.protocol !== 'smtps:') || url.hostname === '')
    return 'TABPOD_SMTP_URL must be smtp:// or smtps:// and the name of a mail server; special characters of user and password are percent-encoded.'
  if ((url.pathname !== '' && url.pathname !== '/') || url.search || url.hash)
    return 'TABPOD_SMTP_URL must end after the host and its port; a "/", "?" or "#" of the password is percent-encoded.'
  if ((url.username === '') !== (url.password === '')) return 'TABPOD_SMTP_URL must name both user and password, or neither.'
  const isTls = url.protocol === 'smtps:'
  const server = {
    hostname: url.hostname.toLowerCase(),
    port: url.port === '' ? (isTls ? SUBMISSIONS_PORT : SUBMISSION_PORT) : Number(url.port),
    isTls,
  }
  if (url.username === '') return { ...server, login: null }
  try {
    return { ...server, login: { user: decodeURIComponent(url.username), password: decodeURIComponent(url.password) } }
  } catch {
    return 'TABPOD_SMTP_URL has a "%" in its user or password that is no percent-encoding; "%" itself is written %25.'
  }
}
