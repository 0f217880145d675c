/** Which sites the owner has let know who this is; the ledger says when and how. */
import { INDIE_CODE_TTL_MS } from '../../wire/indieauth-limits.ts'
import { browserName } from '../oauth/browser-name.ts'
import { digestOf, randomText } from '../oauth/devices.ts'
import type { SiteRow } from '../store/indieauth-schema.ts'
import { addIndieCode, deleteSite, readSite, readSites } from '../store/indieauth-sites.ts'
import { readOAuthDevice } from '../store/oauth-devices.ts'
import { appendOAuthLedger } from '../store/oauth-ledger.ts'
import type { OAuthLedgerRow } from '../store/oauth-schema.ts'
import type { Store } from '../store/open.ts'
import type { SiteGrant, Sites } from './contract.ts'

export const sitesOf = ({ store, now }: { readonly store: Store; readonly now: () => number }): Sites => {
  const note = async (
    entry: Pick<OAuthLedgerRow, 'what' | 'outcome' | 'clientId' | 'scope' | 'note'>,
    deviceId?: string,
  ): Promise<void> => {
    const device = deviceId === undefined ? undefined : await readOAuthDevice(store, deviceId)
    await appendOAuthLedger(store, {
      at: now(),
      ...entry,
      ...(deviceId !== undefined && { deviceId }),
      ...(device && { device: browserName(device.userAgent) }),
    })
  }

  return {
    async allow(grant) {
      const { clientId, redirectUri, scopes, codeChallenge, deviceId } = grant
      const code = randomText()
      const at = now()
      const row = { digest: await digestOf(code), clientId, redirectUri, scopes, codeChallenge, at, expiresAt: at + INDIE_CODE_TTL_MS }
      await addIndieCode(store, row, (before) => withConsent(before, grant, at))
      await note(
        { what: 'site', outcome: 'done', clientId, ...(scopes.length > 0 && { scope: scopes.join(' ') }), note: roadOf(grant) },
        deviceId,
      )
      return code
    },

    refuse: ({ clientId, road, deviceId }) => note({ what: 'site', outcome: 'refused', clientId, note: road }, deviceId),

    known: async () => (await readSites(store)).sort((a, b) => b.updatedAt - a.updatedAt),

    async isKnown(clientId, scopes) {
      const site = await readSite(store, clientId)
      return site !== undefined && scopes.every((scope) => site.scopes.includes(scope))
    },

    async forget(clientId) {
      const wasKnown = await deleteSite(store, clientId)
      if (wasKnown) await note({ what: 'site-end', outcome: 'done', clientId, note: 'forgotten' })
      return wasKnown
    },
  }
}

const roadOf = ({ redirectUri }: SiteGrant): SiteRow['roads'][number] => (redirectUri === null ? 'fedcm' : 'redirect')

const withConsent = (before: SiteRow | undefined, grant: SiteGrant, at: number): SiteRow => ({
  clientId: grant.clientId,
  scopes: [...new Set([...(before?.scopes ?? []).filter((scope) => !grant.withheld?.includes(scope)), ...grant.scopes])],
  roads: [...new Set([...(before?.roads ?? []), roadOf(grant)])],
  createdAt: before?.createdAt ?? at,
  updatedAt: at,
})
