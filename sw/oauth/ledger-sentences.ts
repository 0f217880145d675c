/** The consent ledger in sentences. */
import type { OAuthLedgerRow } from '../store/oauth-schema.ts'
import type { LogEntryView } from './pages/log.ts'
import { hostOfClient } from './pages/parties.ts'
import { dateText } from './pages/times.ts'

/** What an app was given that asked its user nothing. */
export const AGAIN = 'without a question'

export const sayEntry = (row: OAuthLedgerRow): LogEntryView => {
  const { at, scope, until, device, address } = row
  const detail = [
    scope,
    until !== undefined && `until ${dateText(until)}`,
    device !== undefined && `in ${device}`,
    address !== undefined && `from ${address}`,
  ].filter((part) => part !== undefined && part !== false)
  return { at, what: sentenceOf(row), ...(detail.length > 0 && { detail: detail.join(' · ') }) }
}

const sentenceOf = ({ what, outcome, note, clientId }: OAuthLedgerRow): string => {
  const site = clientId === undefined ? 'a site' : new URL(clientId).host
  const app = clientId === undefined ? 'an app' : (hostOfClient(clientId) ?? 'an app on this computer')
  const because = note === undefined ? '' : `: ${note}`
  switch (what) {
    case 'sign-in':
      return outcome === 'done'
        ? `Signed in with ${note === 'passkey' ? 'a passkey' : 'the password'}`
        : `A sign-in failed (${note ?? 'no reason'})`
    case 'sign-out':
      return 'Signed out'
    case 'consent':
      return note === AGAIN ? `Let ${app} in again without a question, as it was allowed before` : `Allowed ${app}`
    case 'denial':
      return `Refused ${app}`
    case 'refresh':
      return outcome === 'done' ? `${app} renewed its access` : `${app} was not given new access${because}`
    case 'revocation':
      return `Ended the access of ${app}`
    case 'end':
      return `The access of ${app} ended${because}`
    case 'passkey':
      return `A passkey was ${note ?? 'changed'}`
    case 'site':
      return `${outcome === 'done' ? 'Let' : 'Did not let'} ${site} know who you are${note === 'fedcm' ? ', asked by the browser' : ''}`
    case 'site-end':
      return note === 'forgotten'
        ? `Forgot ${site}: what it held is worth nothing`
        : `What ${site} held is worth nothing any more${because}`
  }
}
