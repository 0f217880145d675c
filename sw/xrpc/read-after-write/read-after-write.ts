/**
 * Read after write: an AppView learns of the owner's posts a moment after they are written. Until then they are put into its answers here, so that who has
 * just posted sees the post. The AppView says how much it has seen in `atproto-repo-rev`.
 */
import { XrpcError } from '../../../wire/errors.ts'
import { catchUpAuthorFeed, catchUpLikes, catchUpTimeline } from './feed.ts'
import { applyEdits, type Edit, JsonPlace } from './json-place.ts'
import { type LocalRecords, type LocalRepo, readLocalRecords, readProfile } from './local-records.ts'
import { catchUpProfile, catchUpProfiles, fromProfile } from './profile.ts'
import { catchUpThread, ownThread } from './thread.ts'
import type { Viewpoint } from './viewpoint.ts'

type CatchUp = (root: JsonPlace, local: LocalRecords, viewpoint: Viewpoint, params: URLSearchParams) => Edit[] | Promise<Edit[]>

export interface ProxiedCall {
  readonly nsid: string
  readonly request: Request
  /** Asks the AppView. @throws XrpcError */
  readonly answer: () => Promise<Response>
  readonly ask: Viewpoint['ask']
}

/** The owner, and what the owner wrote. */
export interface Own {
  readonly identity: Viewpoint['identity']
  readonly repo: LocalRepo
  readonly now: () => number
}

const GET_POST_THREAD = 'app.bsky.feed.getPostThread'

const METHODS: ReadonlyMap<string, CatchUp> = new Map<string, CatchUp>([
  ['app.bsky.actor.getProfile', catchUpProfile],
  ['app.bsky.actor.getProfiles', catchUpProfiles],
  ['app.bsky.feed.getActorLikes', catchUpLikes],
  ['app.bsky.feed.getAuthorFeed', catchUpAuthorFeed],
  [GET_POST_THREAD, catchUpThread],
  ['app.bsky.feed.getTimeline', catchUpTimeline],
])

/**
 * The AppView's answer with what it lacks. Everything else in it stays as it came; where nothing is lacking it is passed on unread.
 * @throws XrpcError what `answer` throws
 */
export const showOwnWrites = async (call: ProxiedCall, own: Own): Promise<Response> => {
  const { nsid, request, answer } = call
  const catchUp = request.method === 'GET' ? METHODS.get(nsid) : undefined
  if (!catchUp) return answer()
  const params = new URL(request.url).searchParams
  let upstream: Response
  try {
    upstream = await answer()
  } catch (cause) {
    const instead = nsid === GET_POST_THREAD && isNotFound(cause) ? await unseenThread(cause, params, call, own) : null
    if (instead) return instead
    throw cause
  }
  const rev = upstream.headers.get('atproto-repo-rev')
  if (rev === null || !isJson(upstream)) return upstream
  const local = await readLocalRecords(own.repo, rev)
  if (!local.profile && local.posts.length === 0) return upstream
  const text = await upstream.text()
  const shown = await change(text, async (root) => catchUp(root, local, await lookFrom(own, call), params))
  return toAnswer(shown, upstream.headers, own.now() - local.since)
}

/** The text as it came where it is not what its lexicon says. */
const change = async (text: string, catchUp: (root: JsonPlace) => Promise<Edit[]>): Promise<string> => {
  try {
    return applyEdits(text, await catchUp(JsonPlace.of(text)))
  } catch (cause) {
    console.warn('own posts could not be shown', cause)
    return text
  }
}

const unseenThread = async (cause: XrpcError, params: URLSearchParams, call: ProxiedCall, own: Own): Promise<Response | null> => {
  const { did, handle } = own.identity
  const rev = cause.headers['atproto-repo-rev']
  const [, actor, path] = /^at:\/\/([^/]+)\/(.+)$/.exec(params.get('uri') ?? '') ?? []
  if (rev === undefined || (actor !== did && actor?.toLowerCase() !== handle)) return null
  const local = await readLocalRecords(own.repo, rev)
  const thread = await ownThread(`at://${did}/${path}`, params, local, await lookFrom(own, call))
  return thread && toAnswer(JSON.stringify(thread), new Headers(cause.headers), own.now() - local.since)
}

const lookFrom = async ({ identity, repo }: Own, { ask }: ProxiedCall): Promise<Viewpoint> => {
  const profile = await readProfile(repo)
  const author = { did: identity.did, handle: identity.handle, ...(profile && fromProfile(profile, identity)) }
  return { identity, author, ask }
}

const isNotFound = (cause: unknown): cause is XrpcError => cause instanceof XrpcError && cause.error === 'NotFound'

const isJson = ({ headers }: Response): boolean => /^application\/(\w+\+)?json\b/i.test(headers.get('content-type') ?? 'application/json')

const toAnswer = (text: string, upstream: Headers, lagMs: number): Response => {
  const headers = new Headers(upstream)
  for (const name of ['content-length', 'transfer-encoding']) headers.delete(name)
  headers.set('content-type', 'application/json; charset=utf-8')
  headers.set('atproto-upstream-lag', String(Math.max(0, lagMs)))
  return new Response(text, { headers })
}
