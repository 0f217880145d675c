/**
 * One answered method, and what all of them share: the view they answer from, parameters by their lexicon, errors as XRPC has them.
 * @see https://atproto.com/specs/xrpc
 */
import { XrpcError, invalidRequest } from '../../wire/errors.ts'
import type { MirrorHead } from '../../wire/frames.ts'
import type { RoomPort } from '../port.ts'
import type { Blobs } from './blobs.ts'
import type { Blocks } from './blocks.ts'
import type { GenerationKeys } from './keys.ts'

export interface TabPresence {
  /** Whether a tab holds the room now. */
  readonly online: boolean
  /** When it said anything last, in ms since 1970. */
  readonly seenAt: number
}

/** A pod of which no repo is mirrored: just bound, without an account, or with one that does not live here yet. */
export interface BareView extends TabPresence {
  readonly port: RoomPort
  readonly identity: { readonly did: string; readonly handle: string; readonly documents: Readonly<Record<string, string>> }
  readonly head: null
}

/** The mirror as it is now; one answer sees one state. */
export interface MirrorView extends Omit<BareView, 'head'> {
  readonly blocks: Blocks
  readonly blobs: Blobs
  readonly keys: GenerationKeys
  /** `at`: when its commit came, in ms since 1970. */
  readonly head: MirrorHead & { readonly at: number }
  readonly account: { readonly active: boolean; readonly status: string | null }
}

/** Answers with a Response, or with a value that becomes JSON; null leaves the request to the tunnel. */
export interface Method<View = MirrorView> {
  readonly nsid: string
  answer(view: View, url: URL, request: Request): Promise<Response | object | string | null> | Response | object | string | null
}

/** A method of a lexicon: `$params` turns the query string into what `answer` takes. */
export const method = <P, View = MirrorView>(
  lexicon: { readonly $nsid: string; readonly $params: { fromURLSearchParams(input: URLSearchParams): P } },
  respond: (view: View, params: P, request: Request) => ReturnType<Method['answer']>,
): Method<View> => ({
  nsid: lexicon.$nsid,
  answer: (view, url, request) => respond(view, readParams(lexicon.$params, url.searchParams), request),
})

/** `body`: a value, or JSON text already made. */
export const json = (body: object | string, status = 200): Response =>
  new Response(typeof body === 'string' ? body : JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8' },
  })

/** @throws XrpcError RepoNotFound, and for an account that is not active RepoDeactivated | RepoTakendown | RepoSuspended */
export const requireRepo = (view: MirrorView, repo: string): void => {
  if (!isOwn(view, repo)) throw invalidRequest(`Could not find repo for DID: ${repo}`, 'RepoNotFound')
  if (view.account.active) return
  const [error, state] = INACTIVE[view.account.status ?? ''] ?? ['RepoDeactivated', 'deactivated']
  throw invalidRequest(`Repo has been ${state}: ${repo}`, error)
}

export const isOwn = (view: MirrorView, repo: string): boolean =>
  repo === view.identity.did || repo.toLowerCase() === view.identity.handle.toLowerCase()

const INACTIVE: Readonly<Record<string, readonly [error: string, state: string]>> = {
  takendown: ['RepoTakendown', 'takendown'],
  suspended: ['RepoSuspended', 'suspended'],
}

/** @throws XrpcError InvalidRequest */
const readParams = <P>(schema: { fromURLSearchParams(input: URLSearchParams): P }, search: URLSearchParams): P => {
  try {
    return schema.fromURLSearchParams(search)
  } catch (cause) {
    throw new XrpcError(400, 'InvalidRequest', cause instanceof Error ? cause.message : 'Invalid parameters', { cause })
  }
}
