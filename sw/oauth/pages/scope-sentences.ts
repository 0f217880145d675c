/**
 * What an app would get, in plain sentences. @see https://atproto.com/specs/permission
 */
import { lookUp } from '../../languages/choice.ts'
import { isKey, type Words } from '../../languages/words.ts'
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

type SaidSet = Omit<PermissionSet, 'main' | 'nsid'> & Partial<Pick<PermissionSet, 'main'>>

/** @param sets whoever owns their namespace wrote the words */
export const describeScopes = (words: Words, scopes: readonly string[], sets: readonly SaidSet[] = []): readonly Permission[] =>
  [...new Set(scopes)].filter((each) => each !== '').map((each) => describe(words, each, sets))

const describe = (words: Words, scope: string, sets: readonly SaidSet[]): Permission => {
  const include = IncludeScope.fromString(scope)
  if (include)
    return describeSet(
      words,
      scope,
      include,
      sets.find((set) => set.scope === scope),
    )
  const said = sentenceOf(words, scope) ?? { isWide: true, sentence: words.say('scope.unknown', { scope }) }
  return { scope, isNeeded: scope === 'atproto', parts: [], ...said }
}

const describeSet = (words: Words, scope: string, { nsid }: IncludeScope, set: SaidSet | undefined): Permission => {
  const said = (set?.scopes ?? []).map((each) => sentenceOf(words, each)).filter((each) => each !== null)
  const claim = ['title' as const, 'detail' as const]
    .map((name) => set && sayAs(words, set, name))
    .filter((each) => each !== undefined && each !== '')
    .join(': ')
  return {
    scope,
    sentence: words.say('scope.set', { authority: authorityOf(nsid), name: nameOf(nsid) }),
    isNeeded: false,
    isWide: said.some(({ isWide }) => isWide),
    parts: said.map(({ sentence }) => sentence),
    ...(claim !== '' && { claim }),
  }
}

/** In the language of the page, where those who made the set have put it so. @see https://atproto.com/specs/permission#permission-sets */
const sayAs = ({ tag }: Words, { main, ...set }: SaidSet, name: 'title' | 'detail'): string | undefined => {
  // Whatever they have put there.
  const texts = Object(main?.[`${name}:lang`]) as Readonly<Record<string, unknown>>
  const text = texts[lookUp([tag], Object.keys(texts)) ?? '']
  return typeof text === 'string' ? text : set[name]
}

type Said = Pick<Permission, 'sentence' | 'isWide'>

/** Which are one word, and whether they reach far. */
const FIXED: ReadonlyMap<string, boolean> = new Map([
  ['atproto', false],
  ['transition:generic', true],
  ['transition:chat.bsky', true],
  ['transition:email', false],
])

const sentenceOf = (words: Words, scope: string): Said | null => {
  const { say, list } = words
  const fixed = FIXED.get(scope)
  const key = `scope.${scope}`
  if (fixed !== undefined && isKey(key)) return { sentence: say(key), isWide: fixed }
  const repo = RepoPermission.fromString(scope)
  if (repo) return sayRepo(words, repo)
  const rpc = RpcPermission.fromString(scope)
  if (rpc) return sayRpc(words, rpc)
  const blob = BlobPermission.fromString(scope)
  if (blob) return { sentence: say('scope.blob', { files: list(blob.accept.map((type) => sayFiles(words, type))) }), isWide: false }
  const account = AccountPermission.fromString(scope)
  if (account) {
    const isWide = account.action.includes('manage')
    return { sentence: say(`account.${account.attr}.${isWide ? 'manage' : 'read'}`), isWide }
  }
  const identity = IdentityPermission.fromString(scope)
  return identity && { sentence: say(`identity.${identity.attr}`), isWide: true }
}

const sayRepo = ({ say, list }: Words, { collection, action }: RepoPermission): Said => {
  const isWide = collection.includes('*')
  const records = isWide ? say('records.*') : list(collection.map((nsid) => sayRecords(say, nsid)))
  return { sentence: capital(say('scope.repo', { verbs: list(action.map((each) => say(`scope.${each}`))), records })), isWide }
}

const sayRpc = ({ say, list }: Words, { aud, lxm }: RpcPermission): Said => {
  const isAnywhere = aud === '*'
  const isAnything = lxm.includes('*')
  const [server, methods] = [serviceOf(aud), list(lxm)]
  const sentence = isAnything
    ? isAnywhere
      ? say('scope.ask.any')
      : say('scope.ask', { server })
    : isAnywhere
      ? say('scope.call.any', { methods })
      : say('scope.call', { methods, server })
  return { sentence, isWide: isAnything || isAnywhere }
}

/** What people call them. */
const sayRecords = (say: Words['say'], nsid: string): string => {
  const key = `records.${nsid}`
  return isKey(key) ? say(key) : say('records.other', { nsid })
}

const sayFiles = ({ say }: Words, type: string): string => {
  const key = `files.${type}`
  return isKey(key) ? say(key) : say('files.other', { type })
}

/** `did:web:api.example#service` → `api.example`; other DIDs as they are. */
const serviceOf = (aud: string): string => {
  const [did = aud] = aud.split('#')
  return did.startsWith('did:web:') ? decodeURIComponent(did.slice('did:web:'.length)) : did
}

/** `com.example.calendar.basic` → `calendar.example.com`: a platform is not credited for what its users publish. @see https://atproto.com/specs/nsid#nsid-syntax */
const authorityOf = (nsid: string): string => nsid.split('.').slice(0, -1).reverse().join('.')
const nameOf = (nsid: string): string => nsid.split('.').at(-1) ?? ''

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
