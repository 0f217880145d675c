/**
 * What the mirror answers, and how: one table of methods.
 * @see https://atproto.com/specs/xrpc
 */
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { documentAnswer, identityMethods } from './identity-methods.ts'
import { type BareView, type Method, type MirrorView, json } from './method.ts'
import { publicPage } from './public-pages.ts'
import { repoMethods } from './repo-methods.ts'
import { syncMethods } from './sync-methods.ts'

const METHODS: ReadonlyMap<string, Method> = new Map(
  [...syncMethods, ...repoMethods, ...identityMethods].map((each) => [`/xrpc/${each.nsid}`, each]),
)

const BARE_METHODS: ReadonlyMap<string, Method<BareView>> = new Map(identityMethods.map((each) => [`/xrpc/${each.nsid}`, each]))

export const answer = async (view: MirrorView | BareView | null, request: Request): Promise<Response | null> => {
  if (!view || (request.method !== 'GET' && request.method !== 'HEAD')) return null
  // To itself an account is shown that is not active; whether the token is its own the tab can say.
  if (view.head && !view.account.active && view.online && request.headers.has('authorization')) return null
  const url = new URL(request.url)
  let response: Response | null
  try {
    const body = await (view.head ? lookUp(METHODS, view, url, request) : (lookUp(BARE_METHODS, view, url, request) ?? noRepo(view, url)))
    response = body === null || body instanceof Response ? body : json(body)
  } catch (cause) {
    if (!(cause instanceof XrpcError)) throw cause
    response = json(cause.toJSON(), cause.status)
    for (const [name, value] of Object.entries(cause.headers)) response.headers.set(name, value)
  }
  if (response && view.head) tellAge(response, view, METHODS.has(url.pathname))
  return response && request.method === 'HEAD' ? withoutBody(response) : response
}

/** An open tab has told the mirror all it knows; of a closed one it is told how long ago that was. */
const tellAge = ({ headers }: Response, { head, port, online, seenAt }: MirrorView, isMethod: boolean): void => {
  headers.set('x-tabpod-mirror-rev', head.rev)
  if (online) return
  if (isMethod) headers.set('atproto-repo-rev', head.rev)
  headers.set('x-tabpod-mirror-age', String(Math.max(0, Math.floor((port.now() - head.at) / 1000))))
  headers.set('x-tabpod-tab-seen', new Date(Math.max(seenAt, head.at)).toISOString())
}

const lookUp = <View extends MirrorView | BareView>(
  methods: ReadonlyMap<string, Method<View>>,
  view: View,
  url: URL,
  request: Request,
): ReturnType<Method['answer']> => {
  const found = methods.get(url.pathname)
  return found ? found.answer(view, url, request) : (publicPage(view, url.pathname, request) ?? documentAnswer(view, url.pathname))
}

const SYNC = '/xrpc/com.atproto.sync.'

/** The tab knows better what it has; without it, a relay that comes by hears that there is no repo (yet), rather than to come again in a moment. */
const noRepo = ({ online }: BareView, { pathname, searchParams }: URL): object | null => {
  if (online || !METHODS.has(pathname) || !pathname.startsWith(SYNC)) return null
  if (pathname === `${SYNC}listRepos`) return { repos: [] }
  throw invalidRequest(`Could not find repo for DID: ${searchParams.get('did')}`, 'RepoNotFound')
}

const withoutBody = async (response: Response): Promise<Response> => {
  await response.body?.cancel()
  return new Response(null, response)
}
