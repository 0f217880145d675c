/** Rows and grants as the account pages show them. */
import type { Words } from '../languages/words.ts'
import type { SiteRow } from '../store/indieauth-schema.ts'
import type { PasskeyRow } from '../store/oauth-schema.ts'
import { browserName } from './browser-name.ts'
import { type Grant, type KnownClient, OWN_DEVICE } from './contract.ts'
import type { SignedInDevice, Visitor } from './devices.ts'
import type { BrowserView, GrantView, RememberedView, SiteView } from './pages/account.ts'
import { hostOfClient } from './pages/parties.ts'
import { describeScopes } from './pages/scope-sentences.ts'
import type { PasskeyView } from './pages/security.ts'

export const toRememberedView = (words: Words, { clientId, scopes, updatedAt }: KnownClient): RememberedView => ({
  clientId,
  app: hostOfClient(clientId) ?? words.say('app.local'),
  permissions: describeScopes(words, scopes).map(({ sentence }) => sentence),
  at: updatedAt,
})

export const toSiteView = ({ clientId, scopes, roads, createdAt, updatedAt }: SiteRow): SiteView => ({
  clientId,
  site: new URL(clientId).host,
  knows: [
    'who you are',
    ...(scopes.includes('profile') ? ['your name and your picture'] : []),
    ...(scopes.includes('email') ? ['your e-mail address'] : []),
  ].join(', '),
  road: roads.map((road) => (road === 'fedcm' ? 'in the browser’s own dialog' : 'on a page of this account')).join(' and '),
  at: createdAt,
  lastAt: updatedAt,
})

export const toPasskeyView = ({ id, name, createdAt, lastUsedAt, isBackedUp = false }: PasskeyRow): PasskeyView => ({
  id,
  name,
  createdAt,
  isBackedUp,
  ...(lastUsedAt !== undefined && { usedAt: lastUsedAt }),
})

export const toBrowserView = ({ id, userAgent, account, lastSeenAt }: SignedInDevice, visitor: Visitor): BrowserView => ({
  id,
  name: browserName(userAgent),
  isThis: id === visitor.id,
  isHome: id === OWN_DEVICE,
  since: account.since,
  seenAt: lastSeenAt,
  ...(account.until !== undefined && { until: account.until }),
  ...(account.by && { by: account.by }),
})

export const toGrantView = (words: Words, grant: Grant, browsers: ReadonlyMap<string, string>): GrantView => {
  const { id, clientId, client, scopes, createdAt, updatedAt, until, deviceId } = grant
  const browser = deviceId === null ? undefined : browsers.get(deviceId)
  return {
    id,
    clientId,
    app: hostOfClient(clientId) ?? words.say('app.local'),
    ...(client?.name !== undefined && { name: client.name }),
    permissions: describeScopes(words, scopes).map(({ sentence }) => sentence),
    createdAt,
    usedAt: updatedAt,
    ...(until !== undefined && { until }),
    ...(browser !== undefined && { browser }),
  }
}
