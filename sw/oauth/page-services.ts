/** What the pages of this host stand on, put together over the account's services. */
import type { AccountServices } from '../account-services.ts'
import type { Self } from '../identity/self.ts'
import type { Languages } from '../languages/languages.ts'
import { ENGLISH_WORDS } from '../languages/words.ts'
import type { Log } from '../operations/log.ts'
import type { Store } from '../store/open.ts'
import type { Authorizations } from './contract.ts'
import { Devices } from './devices.ts'
import { formsOf } from './forms.ts'
import type { PagesParts } from './front.ts'
import { passkeysOf } from './passkeys.ts'
import type { ProviderSettings } from './provider.ts'
import { providerRow } from './provider-keys.ts'

interface Shared {
  readonly store: Store
  readonly identity: Pick<Self, 'did' | 'handle' | 'origin' | 'standing' | 'createdAt'>
  readonly now: () => number
}

/** Asked for twice by each page; it is made once, and never changes. */
const formKey = ({ store, now }: Shared): (() => Promise<CryptoKey>) => {
  let key: Promise<CryptoKey> | undefined
  return () => {
    key ??= providerRow(store, now()).then(
      ({ forms }) => forms,
      (cause: unknown) => {
        key = undefined
        throw cause
      },
    )
    return key
  }
}

/** Apart from the pages: a new password ends what other browsers were signed in by, wherever it is set. */
export const composeDevices = (shared: Shared): Devices => new Devices({ ...shared, key: formKey(shared) })

export const pagePartsOf = (
  parts: Shared & {
    readonly devices: Devices
    readonly authorizations: Authorizations
    readonly sites: PagesParts['sites']
    readonly account: Pick<AccountServices, 'signIn' | 'ownerPassword' | 'sessions'>
    readonly settings?: Pick<ProviderSettings, 'branding' | 'onSignedIn'>
    readonly languages: Languages
    readonly log: Pick<Log, 'failure'>
  },
): PagesParts => {
  const { identity, account, settings = {}, ...rest } = parts
  const { branding = {}, onSignedIn } = settings
  const { origin } = identity
  const key = formKey(parts)
  return {
    ...rest,
    ...account,
    identity,
    ...(onSignedIn && { onSignedIn }),
    house: { origin, branding, words: ENGLISH_WORDS },
    forms: formsOf({ origin, key }),
    passkeys: passkeysOf({ ...rest, identity, key }),
  }
}
