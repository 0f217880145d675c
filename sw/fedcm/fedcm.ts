/**
 * FedCM: the pod as an identity provider for whatever site asks by way of the browser. Its requests never reach a worker by themselves; they come through the room.
 * @see https://w3c-fedid.github.io/FedCM/
 */
import { XrpcError } from '../../wire/errors.ts'
import { MAX_FEDCM_SESSIONS } from '../../wire/fedcm-limits.ts'
import { answerBrowser, assertFedCm, FEDCM, FEDCM_PREFIX, FedCmRefusal, WEB_IDENTITY_PATH } from '../../wire/fedcm.ts'
import type { FrameOf, TabFrame } from '../../wire/frames.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import type { IndieAuth } from '../indieauth/indieauth.ts'
import { assertActive } from '../indieauth/profile.ts'
import type { Visitor } from '../oauth/devices.ts'
import { answerPage, isReading, type PagesParts } from '../oauth/front.ts'
import { type AccountParts, accountOf, type FedCmAccount } from './account.ts'
import { assertIdentity, disconnect } from './assertion.ts'
import { showContinue, takeContinue } from './continue-page.ts'
import { fedcmDocuments } from './documents.ts'
import { refusedPage, showReason } from './error-page.ts'
import { type LoginPageParts, showLogin, showLogout, takeLogin, takeLogout } from './login-page.ts'
import { FedCmSessions } from './sessions.ts'
import type { WatchedSites } from './watched-sites.ts'

export interface FedCm {
  /** null: nothing of FedCM is at that path. */
  answer(path: string, request: Request, origin: Road): Promise<Response> | null
  /** Public documents by path. */
  documents(): Readonly<Record<string, string>>
  /** What the room answers by while the tab is closed. */
  forRoom(): Promise<LeftWithRoom>
  /** Called when that may be another now. */
  onChange(listener: () => void): void
}

export type LeftWithRoom = Omit<FrameOf<TabFrame, 'fedcm'>, 't'>

type Road = 'local' | 'shim'

export interface FedCmParts extends PagesParts, Pick<AccountParts, 'repo'> {
  readonly identity: PagesParts['identity'] & AccountParts['identity']
  readonly sites: WatchedSites
  readonly profile: Pick<IndieAuth, 'onDocuments'>
  /** The worker's own: to the network, with the cookies of this host. */
  readonly fetch: Fetch
}

type Parts = FedCmParts & Pick<LoginPageParts, 'cookies' | 'account'>

export const composeFedCm = (given: FedCmParts): FedCm => {
  const { origin } = given.identity
  const parts: Parts = { ...given, cookies: new FedCmSessions({ ...given, origin }), account: () => accountOf(given) }
  const documents = fedcmDocuments(origin)
  return {
    answer(path, request, road) {
      if (path !== WEB_IDENTITY_PATH && !path.startsWith(FEDCM_PREFIX)) return null
      if (parts.identity.standing === 'vacant') return null
      const text = documents[path]
      if (text !== undefined) return Promise.resolve(new Response(text, { headers: { 'content-type': 'application/json' } }))
      if (path === FEDCM.session) return beginSession(parts, request, road)
      const reply = REPLIES[path]
      if (reply)
        return answerBrowser(
          request,
          origin,
          () => reply(parts, request, road),
          (cause) => parts.log.failure('a request by FedCM failed', cause),
        )
      const show = PAGES[path]
      return show ? answerPage(parts, request, road, (visitor, spoken) => orRefused(spoken, () => show(spoken, request, visitor))) : null
    },
    documents: () => documents,
    forRoom: async () => {
      const [account, sessions] = await Promise.all([parts.account(), parts.cookies.live()])
      return { accounts: accountsText(account), sessions: sessions.slice(0, MAX_FEDCM_SESSIONS) }
    },
    onChange: (listener) => {
      given.devices.onChange(listener)
      given.sites.onChange(listener)
      given.profile.onDocuments(listener)
    },
  }
}

const accountsText = (account: FedCmAccount): string => JSON.stringify({ accounts: [account] })

/** What the browser itself asks for. */
const REPLIES: Readonly<Record<string, (parts: Parts, request: Request, road: Road) => Promise<Response>>> = {
  [FEDCM.accounts]: (parts, request, road) => accounts(parts, request, road),
  [FEDCM.assertion]: (parts, request) => assertIdentity(parts, request),
  [FEDCM.disconnect]: (parts, request) => disconnect(parts, request),
}

/** What it opens for the owner. */
const PAGES: Readonly<Record<string, (parts: Parts, request: Request, visitor: Visitor) => Promise<Response>>> = {
  [FEDCM.login]: (parts, request, visitor) =>
    isReading(request) ? showLogin(parts, queryOf(request), visitor) : takeLogin(parts, request, visitor),
  [FEDCM.logout]: (parts, request, visitor) => (isReading(request) ? showLogout(parts, visitor) : takeLogout(parts, request, visitor)),
  [FEDCM.continue]: (parts, request, visitor) =>
    isReading(request) ? showContinue(parts, queryOf(request), visitor) : takeContinue(parts, request, visitor),
  [FEDCM.error]: ({ house }, request) => showReason(house, queryOf(request)),
}

/** Of the owner's page: 204, or 401 where the owner is signed out in this browser. @throws XrpcError 401 NotSignedIn, 403 NotAPage | NoTicket, 503 Offline */
const beginSession = async ({ identity, devices, cookies }: Parts, request: Request, road: Road): Promise<Response> => {
  if (road === 'shim') return cookies.redeem(request)
  // Whoever navigates here may come from anywhere.
  if (request.method !== 'POST' || request.mode === 'navigate')
    throw new XrpcError(403, 'NotAPage', 'The owner’s page asks for this, and nobody else.')
  if (identity.standing !== 'active') throw new XrpcError(401, 'NotSignedIn', 'This account is not active here.')
  await cookies.ensureOwn(await devices.visit(request, road), false)
  return new Response(null, { status: 204, headers: { 'cache-control': 'no-store' } })
}

/** The owner's own page asks for what it can push to the browser; all others are known by their cookie. @throws FedCmRefusal NotFedCm | NotSignedIn */
const accounts = async ({ identity, devices, cookies, account }: Parts, request: Request, road: Road): Promise<Response> => {
  if (road === 'shim') assertFedCm(request)
  else if (request.mode === 'navigate') throw new FedCmRefusal('NotFedCm')
  const isSignedIn = road === 'shim' ? (await cookies.find(request)) !== null : (await devices.visit(request, road)).account !== null
  if (!isSignedIn || identity.standing !== 'active') throw new FedCmRefusal('NotSignedIn')
  return new Response(accountsText(await account()), { headers: { 'content-type': 'application/json' } })
}

/** @throws XrpcError, among them 403 NotActive */
const orRefused = async ({ house, identity }: Parts, show: () => Promise<Response>): Promise<Response> => {
  assertActive(identity)
  try {
    return await show()
  } catch (cause) {
    if (cause instanceof FedCmRefusal) return refusedPage(house, cause)
    throw cause
  }
}

const queryOf = ({ url }: Request): URLSearchParams => new URL(url).searchParams
