/** IndieAuth, put together: who the owner is to the web, by pages, endpoints and documents. @see https://indieauth.spec.indieweb.org/ */
import { AVATAR_PATH, INDIEAUTH, PICTURE_HEADERS, pictureDocument, PNG, PROFILE_HEADERS, PROFILE_PATH } from '../../wire/indieauth.ts'
import { XrpcError } from '../../wire/errors.ts'
import { MAX_DOCUMENT_CHARS } from '../../wire/limits.ts'
import { readText } from '../http/body.ts'
import type { Fetch } from '../identity/handle-resolver.ts'
import { answerPage, isReading } from '../oauth/front.ts'
import type { BlobService, RepoLog } from '../repo/contract.ts'
import type { Store } from '../store/open.ts'
import { type SiteAuthorizeParts, showSiteAuthorize, takeSiteAuthorize } from './authorize-page.ts'
import { avatarOf } from './avatar.ts'
import { clientInformation } from './client-information.ts'
import { endpointsOf } from './endpoints.ts'
import { metadataDocuments } from './metadata.ts'
import { assertActive, ownerProfile } from './profile.ts'
import { profilePage } from './profile-page.ts'
import { tokensOf } from './tokens.ts'

export interface IndieAuth {
  /** null: nothing of it is at that path. */
  answer(path: string, request: Request, origin: 'local' | 'shim'): Promise<Response> | null
  /** What does not change with the owner. */
  readonly metadata: Readonly<Record<string, string>>
  /** Of the owner, for the mirror: the page, and the picture. None while the account is not active. */
  ownDocuments(): Promise<Readonly<Record<string, string>>>
  /** Called when they may be others now. */
  onDocuments(listener: () => void): void
}

export type IndieAuthParts = Omit<SiteAuthorizeParts, 'informationOf' | 'repo'> & {
  readonly store: Store
  readonly repo: SiteAuthorizeParts['repo'] & Pick<RepoLog, 'onEvent'>
  readonly blobs: Pick<BlobService, 'get'>
  readonly fetch: Fetch
}

export const composeIndieAuth = (parts: IndieAuthParts): IndieAuth => {
  const { house, identity, blobs } = parts
  const site: SiteAuthorizeParts = { ...parts, informationOf: clientInformation(parts) }
  const endpoints = endpointsOf({ ...parts, tokens: tokensOf(parts) })

  const authorize = async (request: Request, origin: 'local' | 'shim'): Promise<Response> =>
    (await isExchange(request))
      ? endpoints.identify(request)
      : answerPage(site, request, origin, async (visitor, site) => {
          assertActive(identity)
          return isReading(request)
            ? showSiteAuthorize(site, new URL(request.url).searchParams, visitor)
            : takeSiteAuthorize(site, request, visitor)
        })

  const assertShown = (): void => {
    if (identity.standing !== 'active') throw new XrpcError(404, 'NotFound', 'Nobody lives here now.')
  }

  const showProfile = async (): Promise<Response> => {
    assertShown()
    return new Response(await profilePage(house, await ownerProfile(parts)), { headers: PROFILE_HEADERS })
  }

  const showAvatar = async (): Promise<Response> => {
    assertShown()
    const avatar = await avatarOf(blobs, await ownerProfile(parts))
    if (!avatar) throw new XrpcError(404, 'NotFound', 'There is no picture.')
    const [body, mime] = 'blob' in avatar ? [avatar.blob.bytes, avatar.blob.mime] : [avatar.png, PNG]
    return new Response(body, { headers: { ...PICTURE_HEADERS, 'content-type': mime } })
  }

  return {
    answer(path, request, origin) {
      if (path === INDIEAUTH.authorize) return authorize(request, origin)
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      if (isRead && path === PROFILE_PATH) return showProfile()
      if (isRead && path === AVATAR_PATH) return showAvatar()
      return endpoints.answer(path, request)
    },
    metadata: metadataDocuments(identity.origin, parts.languages.tags),
    async ownDocuments() {
      if (identity.standing !== 'active') return NOTHING
      const profile = await ownerProfile(parts)
      const [avatar, page] = await Promise.all([avatarOf(blobs, profile), profilePage(house, profile)])
      return {
        // An address in the record may be of any length; the room would take nothing at all then.
        ...(page.length <= MAX_DOCUMENT_CHARS && { [PROFILE_PATH]: page }),
        ...(avatar && { [AVATAR_PATH]: 'blob' in avatar ? avatar.blob.cid : pictureDocument(avatar.png) }),
      }
    },
    onDocuments(listener) {
      parts.repo.onEvent(({ kind, body }) => {
        if (kind === 'sync' || (kind === 'commit' && names(body, PROFILE_RECORD))) listener()
      })
    },
  }
}

/** A code that is shown for who the owner is, and no form of the page. @see https://indieauth.spec.indieweb.org/#profile-url-response */
const isExchange = async (request: Request): Promise<boolean> =>
  request.method === 'POST' && new URLSearchParams(await readText(request.clone()).catch(() => '')).has('grant_type')

const NOTHING: Readonly<Record<string, string>> = {}
/** As the operations of an event spell it. A record that merely speaks of it costs a frame too many, and no harm. */
const PROFILE_RECORD = 'app.bsky.actor.profile/self'
const names = (body: Uint8Array, path: string): boolean => new TextDecoder('latin1').decode(body).includes(path)
