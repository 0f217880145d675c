/** What the room writes to the owner of a pod: short, plain text, in its own words. @see https://www.rfc-editor.org/rfc/rfc5322 */
import type { MailPurpose } from '../../wire/frames.ts'

export interface Letter {
  readonly from: string
  readonly to: string
  readonly purpose: MailPurpose
  readonly token: string
  /** The room's. */
  readonly host: string
  readonly origin: string
  /** ms since 1970. */
  readonly at: number
}

const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
/** As browsers judge it; what mail servers take beside it (quotes, comments, non-ASCII) nobody has. @see https://html.spec.whatwg.org/#valid-e-mail-address */
const ADDRESS = new RegExp(`^[\\w.!#$%&'*+/=?^\`{|}~-]{1,64}@${LABEL}(?:\\.${LABEL})*$`, 'i')
/** RFC 5321: what fits a path. */
const MAX_ADDRESS_CHARS = 254

/** The syntax alone. It has no character that could end a header or an SMTP command. */
export const isMailAddress = (text: string): boolean => text.length <= MAX_ADDRESS_CHARS && ADDRESS.test(text)

interface Wording {
  readonly subject: (host: string) => string
  readonly asked: string
  readonly otherwise: string
}

const NOTHING = 'If it was not you, do nothing: without the code nothing happens.'

const WORDINGS: Readonly<Record<MailPurpose, Wording>> = {
  'confirm-email': {
    subject: (host) => `Confirm your e-mail address for ${host}`,
    asked: 'asked to confirm that this e-mail address is yours.',
    otherwise: NOTHING,
  },
  'update-email': {
    subject: (host) => `Change the e-mail address of ${host}`,
    asked: 'asked to give the account another e-mail address than this one.',
    otherwise: `${NOTHING}\r\nBut somebody is signed in to your account: change its password.`,
  },
  'reset-password': {
    subject: (host) => `A new password for ${host}`,
    asked: 'asked for a new password.',
    otherwise: NOTHING,
  },
  'plc-operation': {
    subject: (host) => `A change of the identity of ${host}`,
    asked:
      'asked to change the identity (DID) of the account, as moving to\r\nanother server does. Whoever has the code can take the account away.',
    otherwise: `${NOTHING}\r\nBut somebody is signed in to your account: change its password.`,
  },
  'delete-account': {
    subject: (host) => `Delete the account at ${host}`,
    asked: 'asked to delete the account and all that it holds, for good.',
    otherwise: `${NOTHING}\r\nBut somebody is signed in to your account: change its password.`,
  },
}

/** The whole message, lines ended by CRLF. `letter.from` and `to` must pass `isMailAddress`, the token must be one word of ASCII. */
export const composeLetter = ({ from, to, purpose, token, host, origin, at }: Letter): string => {
  const { subject, asked, otherwise } = WORDINGS[purpose]
  const domain = from.slice(from.indexOf('@') + 1)
  return [
    `From: <${from}>`,
    `To: <${to}>`,
    `Subject: ${subject(host)}`,
    `Date: ${new Date(at).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${crypto.randomUUID()}@${domain}>`,
    // https://www.rfc-editor.org/rfc/rfc3834: out-of-office notes stay at home.
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=us-ascii',
    '',
    `Somebody who uses the account at ${origin}`,
    asked,
    '',
    'If that was you, enter this code where it is asked for:',
    '',
    `    ${token}`,
    '',
    otherwise,
    '',
  ].join('\r\n')
}
