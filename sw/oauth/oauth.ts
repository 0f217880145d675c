/** The OAuth provider of the pod, put together. What needs the core waits until somebody asks for it. */
import { oauthIssuerIdentifierSchema } from '@atproto/oauth-types'
import { XrpcError } from '../../wire/errors.ts'
import type { Log } from '../operations/log.ts'
import { accessGuardOf } from './access.ts'
import { authorizationsOf } from './authorizations.ts'
import type { AccessGuard, Authorizations } from './contract.ts'
import { type Endpoints, endpointsOf } from './endpoints.ts'
import { type ComposedProvider, composeProvider, type ProviderParts } from './provider.ts'
import { providerKeyFor } from './provider-keys.ts'
import { repliesOf } from './replies.ts'

export interface OAuth {
  readonly endpoints: Endpoints
  readonly authorizations: Authorizations
  readonly access: AccessGuard
  /** Public documents by path: for the mirror, and for who asks here. */
  documents(): Promise<Readonly<Record<string, string>>>
  /** Called when they are others now. */
  onDocuments(listener: () => void): void
}

export const composeOAuth = (
  parts: ProviderParts & {
    readonly log: Pick<Log, 'failure'>
    /** That its pages speak: BCP 47. */
    readonly locales: readonly string[]
  },
): OAuth => {
  const { store, identity, audience, locales, now, log } = parts
  const { origin } = identity
  const isServed = isIssuer(origin)
  let composed: Promise<ComposedProvider> | undefined
  const provider = async (): Promise<ComposedProvider> => {
    if (!isServed) throw new XrpcError(400, 'invalid_request', 'Signing in to apps needs an address with https, or localhost')
    composed ??= composeProvider(parts).catch((cause: unknown) => {
      composed = undefined
      throw cause
    })
    return composed
  }
  const listeners = new Set<() => void>()
  const replies = repliesOf({
    issuer: origin,
    keyFor: async (alg) => {
      const { key, isNew } = await providerKeyFor(store, alg, now())
      if (isNew) {
        composed = undefined
        for (const listener of listeners) listener()
      }
      return key
    },
    now,
  })
  return {
    endpoints: endpointsOf({ origin, provider, log }),
    authorizations: authorizationsOf({ store, identity, provider, replies, now }),
    access: accessGuardOf({ origin, audience, provider }),
    documents: async () => (isServed ? documentsOf(origin, locales, (await provider()).server) : {}),
    onDocuments: (listener) => void listeners.add(listener),
  }
}

/** A room on a machine of one's own may have another address: everything but OAuth works there. */
const isIssuer = (origin: string): boolean => oauthIssuerIdentifierSchema.safeParse(origin).success

/** @see https://datatracker.ietf.org/doc/html/rfc8414 @see https://datatracker.ietf.org/doc/html/rfc9728 */
const documentsOf = (
  origin: string,
  locales: readonly string[],
  { metadata, jwks }: ComposedProvider['server'],
): Readonly<Record<string, string>> => {
  const server = JSON.stringify({
    ...metadata,
    ...SIGNED_ANSWERS,
    ui_locales_supported: locales,
    response_modes_supported: [...(metadata.response_modes_supported ?? []), ...SIGNED_MODES],
  })
  const keys = JSON.stringify(jwks)
  return {
    '/.well-known/oauth-protected-resource': JSON.stringify({
      resource: origin,
      authorization_servers: [origin],
      scopes_supported: [],
      bearer_methods_supported: ['header'],
      resource_documentation: 'https://atproto.com',
    }),
    '/.well-known/oauth-authorization-server': server,
    '/.well-known/openid-configuration': server,
    '/.well-known/jwks.json': keys,
    '/oauth/jwks': keys,
  }
}

/** What the core does not know of. @see https://openid.net/specs/oauth-v2-jarm-final.html#name-authorization-server-metada */
const SIGNED_MODES = ['jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt']
const SIGNED_ANSWERS = { authorization_signing_alg_values_supported: ['RS256', 'ES256'] }
