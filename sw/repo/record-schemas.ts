/**
 * The record types this pod can check. Each schema is named, so that a bundler drops the rest of `lexicons/`.
 * @see https://atproto.com/specs/lexicon#record
 */
import { main as contentVisibility } from '../../lexicons/app/bsky/actor/contentVisibilityDeclaration.defs.ts'
import { main as profile } from '../../lexicons/app/bsky/actor/profile.defs.ts'
import { main as status } from '../../lexicons/app/bsky/actor/status.defs.ts'
import { main as generator } from '../../lexicons/app/bsky/feed/generator.defs.ts'
import { main as like } from '../../lexicons/app/bsky/feed/like.defs.ts'
import { main as post } from '../../lexicons/app/bsky/feed/post.defs.ts'
import { main as postgate } from '../../lexicons/app/bsky/feed/postgate.defs.ts'
import { main as repost } from '../../lexicons/app/bsky/feed/repost.defs.ts'
import { main as threadgate } from '../../lexicons/app/bsky/feed/threadgate.defs.ts'
import { main as block } from '../../lexicons/app/bsky/graph/block.defs.ts'
import { main as follow } from '../../lexicons/app/bsky/graph/follow.defs.ts'
import { main as list } from '../../lexicons/app/bsky/graph/list.defs.ts'
import { main as listblock } from '../../lexicons/app/bsky/graph/listblock.defs.ts'
import { main as listitem } from '../../lexicons/app/bsky/graph/listitem.defs.ts'
import { main as referenceListOptOut } from '../../lexicons/app/bsky/graph/referencelistoptout.defs.ts'
import { main as starterpack } from '../../lexicons/app/bsky/graph/starterpack.defs.ts'
import { main as verification } from '../../lexicons/app/bsky/graph/verification.defs.ts'
import { main as labeler } from '../../lexicons/app/bsky/labeler/service.defs.ts'
import { main as notification } from '../../lexicons/app/bsky/notification/declaration.defs.ts'
import { main as chat } from '../../lexicons/chat/bsky/actor/declaration.defs.ts'
import { main as lexicon } from '../../lexicons/com/atproto/lexicon/schema.defs.ts'

type Verdict = { readonly success: true } | { readonly success: false; readonly reason: Error }

/** The part of @atproto/lex's RecordSchema that is the same for all of them. */
export interface CheckableSchema {
  readonly $type: unknown
  readonly keySchema: { safeValidate(rkey: unknown): Verdict }
  safeValidate(record: unknown, options: { path: string[] }): Verdict
}

const schemas: readonly CheckableSchema[] = [
  contentVisibility,
  profile,
  status,
  generator,
  like,
  post,
  postgate,
  repost,
  threadgate,
  block,
  follow,
  list,
  listblock,
  listitem,
  referenceListOptOut,
  starterpack,
  verification,
  labeler,
  notification,
  chat,
  lexicon,
]

export const recordSchemas: ReadonlyMap<string, CheckableSchema> = new Map(schemas.map((schema) => [String(schema.$type), schema]))
