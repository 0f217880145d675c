/** What anybody may know of the pod as an identity provider; the room serves it too. @see https://w3c-fedid.github.io/FedCM/#idp-api-config-file */
import { LOGO_ICON_PATH } from '../../wire/indieauth.ts'
import { FEDCM, WEB_IDENTITY_PATH, webIdentityAt } from '../../wire/fedcm.ts'

/** By path, as JSON text. */
export const fedcmDocuments = (origin: string): Readonly<Record<string, string>> => ({
  [WEB_IDENTITY_PATH]: JSON.stringify(webIdentityAt(origin)),
  [FEDCM.config]: JSON.stringify({
    accounts_endpoint: FEDCM.accounts,
    client_metadata_endpoint: FEDCM.clientMetadata,
    id_assertion_endpoint: FEDCM.assertion,
    disconnect_endpoint: FEDCM.disconnect,
    login_url: FEDCM.login,
    // What a site that takes any provider of this kind asks for. @see https://github.com/w3c-fedid/idp-registration
    types: ['indieauth'],
    // A pod has one account.
    modes: { active: { supports_use_other_account: false }, passive: { supports_use_other_account: false } },
    branding: { background_color: '#0b7a5c', color: '#ffffff', icons: [{ url: origin + LOGO_ICON_PATH, size: LOGO_PIXELS }] },
  }),
  // Nothing that a site says of itself is vouched for here: the dialog names its host.
  [FEDCM.clientMetadata]: '{}',
})

/** At least 40 for the dialog that a click opens. @see https://w3c-fedid.github.io/FedCM/#dictdef-identityproviderbranding */
const LOGO_PIXELS = 256
