/**
 * FedCM: the pod as an identity provider for whatever site asks by way of the browser. Its requests never reach a worker by themselves; they come through the room.
 * @see https://w3c-fedid.github.io/FedCM/
 */
import { XrpcError } from '../../wire/errors.ts'
import { assertFedCm, FEDCM, FEDCM_PREFIX, FedCmRefusal, readableBy, refusalToJson, WEB_IDENTITY_PATH } from '../../wire/fedcm.ts'
import type { Self } from '../identity/self.ts'
import type { Devices } from '../oauth/devices.ts'
import type { Log } from '../operations/log.ts'
import { type AccountParts, accountOf } from './account.ts'
import { fedcmDocuments } from './documents.ts'
import { FedCmSessions, type FedCmSessionsParts } from './sessions.ts'

export interface FedCm {
  /** null: nothing of FedCM is at that path. */
  answer(path: string, request: Request, origin: 'local' | 'shim'): Promise<Response> | null
  /** Public documents by path. */
  documents(): Readonly<Record<string, string>>
}

export interface FedCmParts extends AccountParts, FedCmSessionsParts {
  readonly identity: AccountParts['identity'] & Pick<Self, 'standing'>
  readonly devices: FedCmSessionsParts['devices'] & Pick<Devices, 'visit'>
  readonly log: Pick<Log, 'failure'>
}

export const composeFedCm = (shared: Omit<FedCmParts, 'origin'>): FedCm => {
  const { origin } = shared.identity
  const parts = { ...shared, origin }
  const sessions = new FedCmSessions(parts)
  const documents = fedcmDocuments(origin)
  return {
    answer(path, request, road) {
      if (parts.identity.standing === 'vacant' || (path !== WEB_IDENTITY_PATH && !path.startsWith(FEDCM_PREFIX))) return null
      const text = documents[path]
      if (text !== undefined) return Promise.resolve(new Response(text, { headers: { 'content-type': 'application/json' } }))
      if (path === FEDCM.session) return beginSession(parts, sessions, request, road)
      if (path === FEDCM.accounts) return closed(parts, request, () => accounts(parts, sessions, request, road))
      return null
    },
    documents: () => documents,
  }
}

/** Of the owner's page: 204, or 401 where the owner is signed out in this browser. @throws XrpcError 401 NotSignedIn, 403 NotAPage | NoTicket, 503 Offline */
const beginSession = async (
  { devices }: Pick<FedCmParts, 'devices'>,
  sessions: FedCmSessions,
  request: Request,
  road: 'local' | 'shim',
): Promise<Response> => {
  if (road === 'shim') return sessions.redeem(request)
  // Whoever navigates here may come from anywhere.
  if (request.method !== 'POST' || request.mode === 'navigate')
    throw new XrpcError(403, 'NotAPage', 'The owner’s page asks for this, and nobody else.')
  await sessions.ensureOwn(await devices.visit(request, road), false)
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
}

/** The owner's own page asks for what it can push to the browser; all others are known by their cookie. @throws FedCmRefusal NotFedCm | NotSignedIn */
const accounts = async (parts: FedCmParts, sessions: FedCmSessions, request: Request, road: 'local' | 'shim'): Promise<Response> => {
  if (road === 'shim') assertFedCm(request)
  else if (request.mode === 'navigate') throw new FedCmRefusal('NotFedCm')
  const isSignedIn = road === 'shim' ? (await sessions.find(request)) !== null : (await parts.devices.visit(request, road)).account !== null
  if (!isSignedIn) throw new FedCmRefusal('NotSignedIn')
  return Response.json({ accounts: [await accountOf(parts)] })
}

/** To nobody but who asked, errors too. */
const closed = async (
  { log, identity }: Pick<FedCmParts, 'log' | 'identity'>,
  request: Request,
  work: () => Promise<Response>,
): Promise<Response> => {
  // The accounts are asked for by the browser itself, which names no origin: then nobody but this host may read.
  const headers = readableBy(request.headers.get('origin') ?? identity.origin)
  let response: Response
  try {
    response = await work()
  } catch (cause) {
    const refusal = cause instanceof FedCmRefusal ? cause : new FedCmRefusal('Failed')
    if (refusal !== cause) log.failure('a request by FedCM failed', cause)
    response = Response.json(refusalToJson(refusal), { status: refusal.status })
  }
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}
