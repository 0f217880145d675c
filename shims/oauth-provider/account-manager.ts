/**
 * For the OAuth provider's `account-manager.js`: signing up and in, passwords, e-mail and handles of its own pages. Here these are the account services' and our
 * pages'; what is left is what its core asks, of one account.
 */
import { isOAuthClientIdLoopback } from '@atproto/oauth-types'
import type { AccountStore, AuthorizedClientData } from '@atproto/oauth-provider/store'

type Did = Parameters<AccountStore['getAccount']>[0]
type DeviceId = Parameters<AccountStore['removeDeviceAccount']>[0]

export class AccountManager {
  readonly #store: AccountStore

  constructor(_issuer: string, store: AccountStore) {
    this.#store = store
  }

  getAccount(did: Did): ReturnType<AccountStore['getAccount']> {
    return this.#store.getAccount(did)
  }

  listDeviceAccounts(deviceId: DeviceId): ReturnType<AccountStore['listDeviceAccounts']> {
    return this.#store.listDeviceAccounts({ deviceId })
  }

  removeDeviceAccount(deviceId: DeviceId, did: Did): ReturnType<AccountStore['removeDeviceAccount']> {
    return this.#store.removeDeviceAccount(deviceId, did)
  }

  /** Programs on somebody's machine cannot be told apart: that one of them was let in says nothing of the next. */
  async setAuthorizedClient(account: { readonly did: Did }, client: { readonly id: string }, data: AuthorizedClientData): Promise<void> {
    if (!isOAuthClientIdLoopback(client.id)) await this.#store.setAuthorizedClient(account.did, client.id, data)
  }
}
