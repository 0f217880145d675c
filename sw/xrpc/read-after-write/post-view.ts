/** app.bsky.feed.defs#postView of a post that no AppView has seen yet. */
import { lexToJson } from '@atproto/lex'
import { embedView } from './embed-view.ts'
import type { LocalPost } from './local-records.ts'
import type { Viewpoint } from './viewpoint.ts'

export const postView = async ({ uri, cid, at, record }: LocalPost, viewpoint: Viewpoint): Promise<object> => {
  const embed = record.embed && (await embedView(record.embed, viewpoint))
  return {
    uri,
    cid,
    author: viewpoint.author,
    record: lexToJson(record),
    ...(embed && { embed }),
    // Nobody has seen it, so nobody has answered.
    replyCount: 0,
    repostCount: 0,
    likeCount: 0,
    quoteCount: 0,
    indexedAt: new Date(at).toISOString(),
  }
}
