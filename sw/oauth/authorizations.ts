/** What the pages ask: which request is at hand, what the owner says to it, and which grants there are. The steps are the core's; the order is its own pages'. */
import { AccessDeniedError, AuthorizationError, InvalidRequestError, LoginRequiredError } from '@atproto/oauth-provider/errors'
import type { AuthorizationResultAuthorize } from '@atproto/oauth-provider/provider'
import type { RequestData, TokenData } from '@atproto/oauth-provider/store'
import { IncludeScope } from '@atproto/oauth-scopes'
import { type OAuthClientMetadata, isOAuthClientIdLoopback, oauthAuthorizationRequestUriSchema } from '@atproto/oauth-types'
import type { Self } from '../identity/self.ts'
import { deleteOAuthClient, readOAuthClient, readOAuthClients } from '../store/oauth-clients.ts'
import { readOAuthDevice } from '../store/oauth-devices.ts'
import { readOAuthDocument } from '../store/oauth-documents.ts'
import { appendOAuthLedger } from '../store/oauth-ledger.ts'
import { changeOAuthRequest, readOAuthRequest, voidOAuthCodes } from '../store/oauth-requests.ts'
import type { OAuthClientRow, OAuthDeviceRow, OAuthLedgerRow, OAuthRequestRow, OAuthSessionRow } from '../store/oauth-schema.ts'
import { deleteOAuthSessions, readOAuthSessions } from '../store/oauth-sessions.ts'
import type { Store } from '../store/open.ts'
import { browserName } from './browser-name.ts'
import type {
  Authorizations,
  AuthorizationReply,
  AuthorizationRequest,
  Device,
  Grant,
  MeantGrants,
  PermissionSet,
  ShownClient,
} from './contract.ts'
import { grantEnd } from './grant-end.ts'
import { AGAIN } from './ledger-sentences.ts'
import { type ComposedProvider, freshMs, type PodProvider, requestIdOf } from './provider.ts'
import type { Replies } from './replies.ts'

type Client = AuthorizationResultAuthorize['client']
type Parameters = AuthorizationResultAuthorize['parameters']
type RequestUri = AuthorizationResultAuthorize['requestUri']
type DeviceId = `dev-${string}`

export interface AuthorizationsParts {
  readonly store: Store
  readonly identity: Pick<Self, 'did' | 'handle' | 'standing' | 'origin'>
  readonly provider: () => Promise<ComposedProvider>
  readonly replies: Replies
  readonly now: () => number
}

export const authorizationsOf = (parts: AuthorizationsParts): Authorizations => {
  const { store, identity, provider, replies, now } = parts

  const note = (entry: Omit<OAuthLedgerRow, 'at'>): Promise<void> => appendOAuthLedger(store, { at: now(), ...entry })

  /** What goes wrong once it is certain where to is told there, and the request is over. */
  const replied = async (
    server: PodProvider,
    requestUri: RequestUri,
    work: () => Promise<AuthorizationReply>,
  ): Promise<AuthorizationReply> => {
    try {
      return await work()
    } catch (cause) {
      await server.requestManager.delete(requestUri)
      if (!(cause instanceof AuthorizationError)) throw cause
      return replies.reply({ parameters: cause.parameters, redirect: cause.toJSON() }, await metadataOf(server, cause.parameters.client_id))
    }
  }

  /** What an app has again without a question. The newest answer counts: what was not ticked this time, or was given for a time only, is asked anew. */
  const remember = async (
    clientId: string,
    asked: readonly string[],
    kept: readonly string[],
    save: (authorizedScopes: readonly string[]) => Promise<void>,
  ): Promise<void> => {
    const before = (await readOAuthClient(store, clientId))?.scopes ?? []
    const scopes = new Set([...before.filter((scope) => !asked.includes(scope)), ...kept])
    await (scopes.size === 0 ? deleteOAuthClient(store, clientId) : save([...scopes]))
  }

  return {
    prepare() {
      // Whoever uses it is told.
      provider().catch(() => {})
    },

    async begin(query, device) {
      const { server } = await provider()
      const { client_id, request_uri } = pushed(query)
      try {
        const result = await server.authorize({ client_id, request_uri }, deviceInfo(device))
        if ('redirect' in result) {
          const { scope } = result.parameters
          if ('code' in result.redirect)
            await note({ what: 'consent', outcome: 'done', clientId: client_id, ...(scope && { scope }), note: AGAIN, ...inWords(device) })
          return {
            kind: 'reply',
            isSilent: result.parameters.prompt === 'none',
            reply: await replies.reply(result, await metadataOf(server, result.parameters.client_id)),
          }
        }
        const [row, before, asked] = await Promise.all([
          readOAuthDevice(store, device.id),
          readOAuthClient(store, client_id),
          readOAuthRequest(store, requestIdOf(request_uri)),
        ])
        return {
          kind: 'ask',
          request: toRequest(result, identity, before, isLoginRequired(row?.account, identity.did, asked, result.parameters, now())),
        }
      } catch (cause) {
        if (!(cause instanceof AuthorizationError)) throw cause
        const metadata = await metadataOf(server, cause.parameters.client_id)
        return {
          kind: 'reply',
          isSilent: cause.parameters.prompt === 'none',
          reply: await replies.reply({ parameters: cause.parameters, redirect: cause.toJSON() }, metadata),
        }
      }
    },

    async accept({ requestUri, device, scopes, until }) {
      const { server } = await provider()
      const uri = requestUri as RequestUri
      const { clientId, parameters } = await server.requestManager.get(uri, device.id as DeviceId)
      return replied(server, uri, async () => {
        const client = await server.clientManager.getClient(clientId)
        const signedIn = (await readOAuthDevice(store, device.id))?.account
        if (isLoginRequired(signedIn, identity.did, await readOAuthRequest(store, requestIdOf(uri)), parameters, now()))
          throw new LoginRequiredError(parameters)
        if (until !== undefined && until <= now()) throw new AccessDeniedError(parameters, 'The time that was given has passed')
        const { account } = await server.accountManager.getAccount(identity.did as never)
        const kept = scopes?.join(' ')
        if (until !== undefined) await changeOAuthRequest(store, requestIdOf(uri), (row) => ({ ...row, until }))
        const code = await server.requestManager.setAuthorized(uri, client, account, device.id as DeviceId, metadataOfDevice(device), kept)
        const asked = parameters.scope?.split(' ') ?? []
        const granted = asked.filter((scope) => !scopes || scopes.includes(scope))
        await remember(clientId, asked, until === undefined ? granted : [], (authorizedScopes) =>
          server.accountManager.setAuthorizedClient(account, client, { authorizedScopes }),
        )
        await note({
          what: 'consent',
          outcome: 'done',
          clientId,
          ...(client.metadata.client_name !== undefined && { clientName: client.metadata.client_name }),
          scope: granted.join(' '),
          ...(until !== undefined && { until }),
          ...inWords(device),
        })
        return replies.reply({ parameters, redirect: { code } }, client.metadata)
      })
    },

    async deny({ requestUri, device }) {
      const { server } = await provider()
      const uri = requestUri as RequestUri
      const { clientId, parameters } = await server.requestManager.get(uri, device.id as DeviceId)
      // Whoever has not signed in is nobody whose word the owner should read.
      if (isSignedIn((await readOAuthDevice(store, device.id))?.account, identity.did, now()))
        await note({
          what: 'denial',
          outcome: 'refused',
          clientId,
          ...(parameters.scope !== undefined && { scope: parameters.scope }),
          ...inWords(device),
        })
      return replied(server, uri, async () => {
        throw new AccessDeniedError(parameters, 'The user rejected the request')
      })
    },

    async grants() {
      const rows = (await readOAuthSessions(store)).filter((row) => grantEnd(row) > now())
      return Promise.all(rows.map((row) => toGrant(store, row)))
    },

    async revoke(which) {
      // A code that was given a moment ago is no way back in.
      await voidOAuthCodes(store, (row) => isMeant(which, row.data as RequestData))
      const ended = await deleteOAuthSessions(store, (row) => isMeant(which, row))
      for (const { clientId } of ended) await note({ what: 'revocation', outcome: 'done', clientId })
      return ended.length
    },

    clients: () => readOAuthClients(store),

    async forget(clientId) {
      await this.revoke({ clientId })
      await deleteOAuthClient(store, clientId)
    },

    note,
  }
}

const isMeant = (
  which: MeantGrants,
  row: Partial<Pick<OAuthSessionRow, 'id' | 'clientId'>> & { readonly deviceId?: string | null },
): boolean => {
  if (which === 'all') return true
  if ('id' in which) return row.id === which.id
  return 'clientId' in which ? row.clientId === which.clientId : row.deviceId === which.deviceId
}

/** PAR is required: what an address carries else is nobody's word. @throws InvalidRequestError */
const pushed = (query: URLSearchParams): { client_id: string; request_uri: RequestUri } => {
  const parsed = oauthAuthorizationRequestUriSchema.safeParse(Object.fromEntries(query))
  const clientId = query.get('client_id')
  if (!parsed.success || !clientId) throw new InvalidRequestError('An authorization request must be pushed first (request_uri, client_id)')
  return { client_id: clientId, request_uri: parsed.data.request_uri as RequestUri }
}

const toRequest = (
  { client, parameters, requestUri, permissionSets }: AuthorizationResultAuthorize,
  { did, handle }: AuthorizationsParts['identity'],
  before: OAuthClientRow | undefined,
  isLoginRequired: boolean,
): AuthorizationRequest => {
  const scopes = parameters.scope?.split(' ') ?? []
  const { redirect_uri: redirectUri = '' } = parameters
  const redirect = new URL(redirectUri)
  return {
    requestUri,
    client: toShown(client.id, client.metadata, client.isTrusted),
    scopes,
    permissionSets: toPermissionSets(scopes, permissionSets),
    prompt: parameters.prompt ?? null,
    loginHint: parameters.login_hint ?? null,
    locales: parameters.ui_locales?.split(' ') ?? [],
    redirectsTo: redirect.host || redirect.protocol,
    account: {
      did,
      handle,
      isLoginRequired,
      grantedBefore: before?.scopes ?? [],
    },
  }
}

const toPermissionSets = (scopes: readonly string[], sets: AuthorizationResultAuthorize['permissionSets']): PermissionSet[] =>
  scopes.flatMap((scope) => {
    const include = IncludeScope.fromString(scope)
    const main = include && sets.get(include.nsid)
    if (!include || !main) return []
    return [
      {
        scope,
        nsid: include.nsid,
        ...(main.title !== undefined && { title: main.title }),
        ...(main.detail !== undefined && { detail: main.detail }),
        main: { ...main },
        scopes: include.toScopes(main),
      },
    ]
  })

const toShown = (id: string, metadata: OAuthClientMetadata, isTrusted: boolean): ShownClient => ({
  id,
  host: isOAuthClientIdLoopback(id) ? null : new URL(id).host,
  isTrusted,
  isConfidential: metadata.token_endpoint_auth_method !== 'none',
  ...(metadata.client_name !== undefined && { name: metadata.client_name }),
  ...(metadata.client_uri !== undefined && { uri: metadata.client_uri }),
  ...(metadata.logo_uri !== undefined && { logo: metadata.logo_uri }),
  ...(metadata.policy_uri !== undefined && { policy: metadata.policy_uri }),
  ...(metadata.tos_uri !== undefined && { terms: metadata.tos_uri }),
})

const toGrant = async (store: Store, row: OAuthSessionRow): Promise<Grant> => {
  const { scope, parameters } = row.data as TokenData
  const metadata = (await readOAuthDocument(store, `client ${row.clientId}`))?.value as OAuthClientMetadata | undefined
  return {
    id: row.id,
    clientId: row.clientId,
    ...(metadata && { client: toShown(row.clientId, metadata, false) }),
    scopes: (scope ?? parameters.scope ?? '').split(' '),
    deviceId: row.deviceId ?? null,
    createdAt: row.createdAt,
    updatedAt: row.updatedAt,
    ...(row.until !== undefined && { until: row.until }),
  }
}

const isSignedIn = (account: OAuthDeviceRow['account'], did: string, now: number): account is NonNullable<OAuthDeviceRow['account']> =>
  account?.did === did && (account.until ?? Infinity) > now

/** A sign-in is fresh that came after the app had asked. */
const isLoginRequired = (
  account: OAuthDeviceRow['account'],
  did: string,
  request: OAuthRequestRow | undefined,
  { prompt, max_age: maxAge }: Parameters,
  now: number,
): boolean => {
  if (!isSignedIn(account, did, now)) return true
  if ((prompt === 'login' || request?.isLoginWanted) && account.at < (request?.at ?? Infinity)) return true
  return now - account.at > freshMs(maxAge)
}

/** Where they cannot be had, the answer is signed as is usual. */
const metadataOf = async (server: PodProvider, clientId: string): Promise<OAuthClientMetadata | undefined> =>
  server.clientManager.getClient(clientId).then(
    ({ metadata }: Client) => metadata,
    () => undefined,
  )

const metadataOfDevice = ({ userAgent, address }: Device) => ({
  ...(userAgent !== null && { userAgent }),
  ipAddress: address ?? '',
  port: 0,
})

const deviceInfo = (device: Device) => ({ deviceId: device.id as DeviceId, deviceMetadata: metadataOfDevice(device) })

const inWords = ({ id, userAgent, address }: Device) => ({
  deviceId: id,
  ...(userAgent !== null && { device: browserName(userAgent) }),
  ...(address !== null && { address }),
})
