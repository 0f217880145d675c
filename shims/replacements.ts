/**
 * Which module of our dependencies is replaced by which file here: by who asks for it, so that nobody else is given a stand-in. One plugin for the bundles and
 * for the unit tests, which run the same code.
 */
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

type Replacements = ReadonlyArray<readonly [asker: RegExp, asked: RegExp, file: string]>

const PROVIDER = /@atproto\/(oauth-provider|oauth-types|oauth-scopes|jwk|jwk-jose)\/dist\//

const OAUTH: Replacements = [
  [PROVIDER, /^node:crypto$/, at('node-crypto.ts')],
  [PROVIDER, /^node:timers\/promises$/, at('timers-promises.ts')],
  [PROVIDER, /^@atproto-labs\/fetch-node$/, at('oauth-provider/fetch-node.ts')],
  [PROVIDER, /^@atproto-labs\/simple-store-memory$/, at('oauth-provider/store-memory.ts')],
  [PROVIDER, /^@atproto\/lex-resolver$/, at('oauth-provider/lex-resolver.ts')],
  [PROVIDER, /\/oauth-response-mode\.js$/, at('oauth-provider/response-mode.ts')],
  [PROVIDER, /\/util\/crypto\.js$/, at('oauth-provider/crypto.ts')],
  [/\/sw\/oauth\//, /^@atproto\/oauth-provider\/constants$/, at('oauth-provider/constants.ts')],
  [PROVIDER, /\/oauth-constants\.js$/, at('oauth-provider/constants.ts')],
  [PROVIDER, /\/device-manager\.js$/, at('oauth-provider/device-manager.ts')],
  [PROVIDER, /\/replay-store-redis\.js$/, at('oauth-provider/redis.ts')],
  [PROVIDER, /\/dpop-nonce\.js$/, at('oauth-provider/dpop-nonce.ts')],
  [/\/oauth-provider\/dist\/dpop\/dpop-manager\.js$/, /^jose$/, at('oauth-provider/proof-keys.ts')],
  [/\/jose\/dist\/browser\//, /\/jwks\/remote\.js$/, at('oauth-provider/remote-jwks.ts')],
  [PROVIDER, /\/account-manager\.js$/, at('oauth-provider/account-manager.ts')],
  [PROVIDER, /\/customization\.js$/, at('oauth-provider/customization.ts')],
]

const PASSKEYS = /@simplewebauthn\/server\/esm\//

const ATTESTATION: Replacements = [
  [PASSKEYS, /\/verifyAttestation[^/]*\.js$|\/convertX509PublicKeyToCOSE\.js$/, at('simplewebauthn/attestation.ts')],
  [PASSKEYS, /\/services\/(metadata|settings)Service\.js$/, at('simplewebauthn/services.ts')],
  [PASSKEYS, /^@peculiar\/asn1-(schema|ecc)$/, at('simplewebauthn/asn1.ts')],
]

const ZOD: Replacements = [[/@atproto\/repo\/dist\//, /^zod$/, at('zod.ts')]]

const replacing = (name: string, replacements: Replacements, environments?: readonly string[]): Plugin => ({
  name,
  enforce: 'pre',
  ...(environments && { applyToEnvironment: (environment) => environments.includes(environment.name) }),
  resolveId(asked, asker) {
    const found = asker === undefined ? undefined : replacements.find(([by, what]) => by.test(asker) && what.test(asked))
    return found?.[2]
  },
})

/** The OAuth provider's core without Node; see `oauth-provider/`. */
export const oauthWithoutNode = replacing('tabpod:oauth-without-node', OAUTH)

/** Passkeys without a word about who made them; see `simplewebauthn/`. */
export const passkeysWithoutAttestation = replacing('tabpod:passkeys-without-attestation', ATTESTATION)

/** In the room, which has no other use for zod (docs/decisions/0015). */
export const roomWithoutZod = replacing('tabpod:room-without-zod', ZOD, ['room'])
