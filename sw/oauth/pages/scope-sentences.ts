/**
 * What an app would get, in plain sentences. @see https://atproto.com/specs/permission
 */
import type { PermissionSet } from '../contract.ts'
import { AccountPermission, BlobPermission, IdentityPermission, IncludeScope, RepoPermission, RpcPermission } from '@atproto/oauth-scopes'

export interface Permission {
  /** One value of the scope, as the app asked for it. */
  readonly scope: string
  readonly sentence: string
  /** The app needs it to do anything at all: the protocol has no grant without it. */
  readonly isNeeded: boolean
  /** Reaches far: the owner should look twice. */
  readonly isWide: boolean
  /** Of a permission set: what is in it. */
  readonly parts: readonly string[]
  /** Of a permission set: what those who made it say of it. */
  readonly claim?: string
}

type SaidSet = Omit<PermissionSet, 'main'>

/** @param sets whoever owns their namespace wrote the words */
export const describeScopes = (scopes: readonly string[], sets: readonly SaidSet[] = []): readonly Permission[] =>
  [...new Set(scopes)].filter((each) => each !== '').map((each) => describe(each, sets))

const describe = (scope: string, sets: readonly SaidSet[]): Permission => {
  // An app may ask for `constructor`.
  const fixed = Object.hasOwn(FIXED, scope) ? FIXED[scope] : undefined
  if (fixed) return { scope, isNeeded: scope === 'atproto', parts: [], ...fixed }
  const include = IncludeScope.fromString(scope)
  if (include)
    return describeSet(
      scope,
      include,
      sets.find(({ nsid }) => nsid === include.nsid),
    )
  const said = sentenceOf(scope)
  return { scope, isNeeded: false, parts: [], isWide: true, sentence: `Something that this server has no words for: ${scope}`, ...said }
}

const describeSet = (scope: string, include: IncludeScope, set: SaidSet | undefined): Permission => {
  const said = (set?.scopes ?? []).map(sentenceOf).filter((each) => each !== null)
  const words = [set?.title, set?.detail].filter((each) => each !== undefined && each !== '').join(': ')
  return {
    scope,
    sentence: `What ${authorityOf(include.nsid)} calls ${nameOf(include.nsid)}`,
    isNeeded: false,
    isWide: said.some(({ isWide }) => isWide),
    parts: said.map(({ sentence }) => sentence),
    ...(words !== '' && { claim: words }),
  }
}

type Said = Pick<Permission, 'sentence' | 'isWide'>

const FIXED: Readonly<Record<string, Said>> = {
  atproto: { sentence: 'Know who you are: your handle and your DID', isWide: false },
  'transition:generic': {
    sentence:
      'Do nearly everything in your account: read and write posts, likes, follows, lists and preferences, upload files, and use other services in your name',
    isWide: true,
  },
  'transition:chat.bsky': { sentence: 'Read and send your direct messages', isWide: true },
  'transition:email': { sentence: 'See your e-mail address', isWide: false },
}

const sentenceOf = (scope: string): Said | null => {
  const repo = RepoPermission.fromString(scope)
  if (repo) return sayRepo(repo)
  const rpc = RpcPermission.fromString(scope)
  if (rpc) return sayRpc(rpc)
  const blob = BlobPermission.fromString(scope)
  if (blob) return { sentence: `Upload ${list(blob.accept.map(sayMime))}`, isWide: false }
  const account = AccountPermission.fromString(scope)
  if (account) return ACCOUNT[`${account.attr} ${account.action.includes('manage') ? 'manage' : 'read'}`] ?? null
  const identity = IdentityPermission.fromString(scope)
  return identity ? (IDENTITY[identity.attr] ?? null) : null
}

const sayRepo = ({ collection, action }: RepoPermission): Said => {
  const verbs = list(action.map((each) => VERBS[each]))
  const isAll = collection.includes('*')
  const what = isAll
    ? 'records of every kind, posts and profile included'
    : list(collection.map((nsid) => COLLECTIONS[nsid] ?? `records of the kind ${nsid}`))
  return { sentence: `${capital(verbs)} ${what}`, isWide: isAll }
}

const sayRpc = ({ aud, lxm }: RpcPermission): Said => {
  const where = aud === '*' ? 'any server' : serviceOf(aud)
  const isAll = lxm.includes('*')
  const what = isAll ? 'Ask for anything' : `Call ${list(lxm)}`
  return { sentence: `${what} at ${where} in your name`, isWide: isAll || aud === '*' }
}

const VERBS = { create: 'create', update: 'change', delete: 'delete' } as const

/** What people call them. */
const COLLECTIONS: Readonly<Record<string, string>> = {
  'app.bsky.actor.profile': 'your profile',
  'app.bsky.feed.post': 'posts',
  'app.bsky.feed.like': 'likes',
  'app.bsky.feed.repost': 'reposts',
  'app.bsky.feed.threadgate': 'who may reply to your posts',
  'app.bsky.graph.follow': 'follows',
  'app.bsky.graph.block': 'blocks',
  'app.bsky.graph.list': 'lists',
  'app.bsky.graph.listitem': 'members of your lists',
}

const ACCOUNT: Readonly<Record<string, Said>> = {
  'email read': { sentence: 'See your e-mail address', isWide: false },
  'email manage': { sentence: 'See and change your e-mail address', isWide: true },
  'repo read': { sentence: 'Read your whole repo as a file', isWide: false },
  'repo manage': { sentence: 'Put another repo in place of yours, as when an account moves', isWide: true },
  'status read': { sentence: 'See whether your account is active', isWide: false },
  'status manage': { sentence: 'Switch your account off and on', isWide: true },
}

const IDENTITY: Readonly<Record<string, Said>> = {
  handle: { sentence: 'Change your handle', isWide: true },
  '*': { sentence: 'Change your identity, handle and keys included: it could take the account away from you', isWide: true },
}

const sayMime = (mime: string): string => MIMES[mime] ?? `files of the type ${mime}`

const MIMES: Readonly<Record<string, string>> = {
  '*/*': 'files of any kind',
  'image/*': 'pictures',
  'video/*': 'videos',
  'audio/*': 'sound',
  'text/*': 'texts',
}

/** `did:web:api.example#service` → `api.example`; other DIDs as they are. */
const serviceOf = (aud: string): string => {
  const [did = aud] = aud.split('#')
  return did.startsWith('did:web:') ? decodeURIComponent(did.slice('did:web:'.length)) : did
}

/** `com.example.calendar.basic` → `example.com`. */
const authorityOf = (nsid: string): string => nsid.split('.').slice(0, 2).reverse().join('.')
const nameOf = (nsid: string): string => `“${nsid.split('.').slice(2).join('.')}”`

const list = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
