/** What the core asks about accounts: of a pod there is one. Signing in, passwords and e-mail are the pages' and the account services', not the core's. */
import type { AccountStore, DeviceAccount } from '@atproto/oauth-provider/store'
import type { Self } from '../identity/self.ts'
import { putOAuthClient, readOAuthClient, readOAuthClients } from '../store/oauth-clients.ts'
import { changeOAuthDevice, readOAuthDevice, readOAuthDevices } from '../store/oauth-devices.ts'
import type { OAuthDeviceRow } from '../store/oauth-schema.ts'
import type { Store } from '../store/open.ts'
import type { Devices } from './devices.ts'
import { InvalidRequestError } from '@atproto/oauth-provider/errors'

export type ProviderAccount = DeviceAccount['account']

export interface AccountStoreParts {
  readonly store: Store
  readonly identity: Pick<Self, 'did' | 'handle' | 'standing'>
  /** `aud` of access tokens: DID of this server. */
  readonly audience: string
  /** Whoever keeps a copy of who is signed in hears of it. */
  readonly devices: Pick<Devices, 'signOut'>
  readonly now: () => number
}

/** The one account as it stands now. */
export const accountOf = ({ identity, audience }: Pick<AccountStoreParts, 'identity' | 'audience'>): ProviderAccount => ({
  did: identity.did as ProviderAccount['did'],
  pds: audience as ProviderAccount['pds'],
  deactivated: identity.standing !== 'active',
  handle: identity.handle as NonNullable<ProviderAccount['handle']>,
})

export const accountStoreOf = ({ store, identity, audience, devices, now }: AccountStoreParts): AccountStore => {
  const account = () => accountOf({ identity, audience })
  const authorizedClients = async (): Promise<DeviceAccount['authorizedClients']> =>
    new Map((await readOAuthClients(store)).map(({ clientId, scopes }) => [clientId, { authorizedScopes: scopes }]))

  const toDeviceAccount = async (row: OAuthDeviceRow | undefined): Promise<DeviceAccount | null> =>
    row?.account?.did !== identity.did || (row.account.until ?? Infinity) <= now()
      ? null
      : {
          deviceId: row.id as DeviceAccount['deviceId'],
          deviceData: {
            // Of the core's own device manager, which we do without.
            sessionId: 'ses-',
            lastSeenAt: new Date(row.lastSeenAt),
            userAgent: row.userAgent,
            ipAddress: row.address ?? '',
          },
          account: account(),
          authorizedClients: await authorizedClients(),
          createdAt: new Date(row.account.since),
          updatedAt: new Date(row.account.at),
        }

  const offered: Pick<
    AccountStore,
    'getAccount' | 'getDeviceAccount' | 'listDeviceAccounts' | 'removeDeviceAccount' | 'setAuthorizedClient' | 'upsertDeviceAccount'
  > = {
    async getAccount(did) {
      if (did !== identity.did || identity.standing === 'vacant') throw new InvalidRequestError('Account not found')
      // Which clients it let in nobody asks here, and every token would wait for the answer.
      return { account: account(), authorizedClients: new Map() }
    },

    async getDeviceAccount(deviceId) {
      return toDeviceAccount(await readOAuthDevice(store, deviceId))
    },

    async listDeviceAccounts(filter) {
      const rows = 'deviceId' in filter ? [await readOAuthDevice(store, filter.deviceId)] : await readOAuthDevices(store)
      return (await Promise.all(rows.map(toDeviceAccount))).filter((found) => found !== null)
    },

    async upsertDeviceAccount(deviceId, did) {
      await changeOAuthDevice(store, deviceId, (row) => row && { ...row, account: { did, since: row.account?.since ?? now(), at: now() } })
    },

    async removeDeviceAccount(deviceId) {
      await devices.signOut(deviceId)
    },

    async setAuthorizedClient(_did, clientId, { authorizedScopes }) {
      const before = await readOAuthClient(store, clientId)
      await putOAuthClient(store, { clientId, scopes: authorizedScopes, createdAt: before?.createdAt ?? now(), updatedAt: now() })
    },
  }
  // The core calls the others only from routes of its own, which we do not use.
  return offered as AccountStore
}
