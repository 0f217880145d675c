/** Which sites the owner has let know who this is; the ledger says when and how. */
import { INDIE_CODE_TTL_MS } from '../../wire/indieauth-limits.ts'
import { browserName } from '../oauth/browser-name.ts'
import { digestOf, randomText } from '../oauth/devices.ts'
import type { IndieCodeRow, SiteRow } from '../store/indieauth-schema.ts'
import { addIndieCode, deleteSite, readSites } from '../store/indieauth-sites.ts'
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

  const newCode = async ({ clientId, redirectUri, scopes, codeChallenge }: SiteGrant): Promise<{ code: string; row: IndieCodeRow }> => {
    const code = randomText()
    const at = now()
    const digest = await digestOf(code)
    return { code, row: { digest, clientId, redirectUri, scopes, codeChallenge, at, expiresAt: at + INDIE_CODE_TTL_MS } }
  }
  const noteGrant = (grant: SiteGrant): Promise<void> => {
    const { clientId, scopes, deviceId } = grant
    const scope = scopes.length > 0 && { scope: scopes.join(' ') }
    return note({ what: 'site', outcome: 'done', clientId, ...scope, note: roadOf(grant) }, deviceId)
  }

  return {
    async allow(grant) {
      const { code, row } = await newCode(grant)
      await addIndieCode(store, row, (before) => withConsent(before, grant, row.at))
      await noteGrant(grant)
      return code
    },

    async allowAgain(grant) {
      const { code, row } = await newCode(grant)
      const covered = (before: SiteRow | undefined) => (before && covers(before, grant) ? withConsent(before, grant, row.at) : null)
      if (!(await addIndieCode(store, row, covered))) return null
      await noteGrant(grant)
      return code
    },

    refuse: ({ clientId, road, deviceId }) => note({ what: 'site', outcome: 'refused', clientId, note: road }, deviceId),

    known: async () => (await readSites(store)).sort((a, b) => b.updatedAt - a.updatedAt),

    async forget(clientId) {
      const wasKnown = await deleteSite(store, clientId)
      if (wasKnown) await note({ what: 'site-end', outcome: 'done', clientId, note: 'forgotten' })
      return wasKnown
    },
  }
}

const covers = (site: SiteRow, { scopes }: SiteGrant): boolean => scopes.every((scope) => site.scopes.includes(scope))

const roadOf = ({ redirectUri }: SiteGrant): SiteRow['roads'][number] => (redirectUri === null ? 'fedcm' : 'redirect')

const withConsent = (before: SiteRow | undefined, grant: SiteGrant, at: number): SiteRow => ({
  clientId: grant.clientId,
  scopes: [...new Set([...(before?.scopes ?? []).filter((scope) => !grant.withheld?.includes(scope)), ...grant.scopes])],
  roads: [...new Set([...(before?.roads ?? []), roadOf(grant)])],
  createdAt: before?.createdAt ?? at,
  updatedAt: at,
})
