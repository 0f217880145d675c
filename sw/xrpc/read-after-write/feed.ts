/** The owner's posts in feeds that an AppView put together without them, each at its time. */
import type { Edit, JsonPlace } from './json-place.ts'
import type { LocalRecords } from './local-records.ts'
import { postView } from './post-view.ts'
import { catchUpAuthors } from './profile.ts'
import type { Viewpoint } from './viewpoint.ts'

/** app.bsky.feed.getTimeline */
export const catchUpTimeline = (root: JsonPlace, local: LocalRecords, viewpoint: Viewpoint, params: URLSearchParams): Promise<Edit[]> =>
  insertPosts(root.member('feed'), local, viewpoint, params)

/** app.bsky.feed.getAuthorFeed: the owner's own. */
export const catchUpAuthorFeed = async (
  root: JsonPlace,
  local: LocalRecords,
  viewpoint: Viewpoint,
  params: URLSearchParams,
): Promise<Edit[]> => {
  const { did, handle } = viewpoint.identity
  const actor = params.get('actor')?.toLowerCase()
  if (actor !== did.toLowerCase() && actor !== handle) return []
  const feed = root.member('feed')
  return [...catchUpAuthors(feed, local, viewpoint), ...(await insertPosts(feed, local, viewpoint, params))]
}

/** app.bsky.feed.getActorLikes */
export const catchUpLikes = (root: JsonPlace, local: LocalRecords, viewpoint: Viewpoint): Edit[] =>
  catchUpAuthors(root.member('feed'), local, viewpoint)

/** Posts older than the whole page belong to a later page; where there was a page before, those newer than it were shown there. */
const insertPosts = async (
  feed: JsonPlace | undefined,
  { posts }: LocalRecords,
  viewpoint: Viewpoint,
  params: URLSearchParams,
): Promise<Edit[]> => {
  const items = feed?.items() ?? []
  const shown = new Set(items.map((item) => item.member('post', 'uri')?.string()))
  const times = items.map(timeOf)
  const byIndex = new Map<number, string[]>()
  for (const post of posts) {
    const next = times.findIndex((time) => time < post.at)
    const isLater = next === -1 && times.some((time) => !Number.isNaN(time))
    const isEarlier = params.has('cursor') && next <= 0
    if (isLater || isEarlier || shown.has(post.uri)) continue
    const index = next === -1 ? items.length : next
    byIndex.set(index, [...(byIndex.get(index) ?? []), JSON.stringify({ post: await postView(post, viewpoint) })])
  }
  return feed ? [...byIndex].map(([index, jsons]) => feed.insertItems(index, jsons)) : []
}

/** ms; a repost stands where it was reposted. NaN for a pinned post, which stands above all times. */
const timeOf = (item: JsonPlace): number => {
  const reason = item.member('reason')
  const isPinned = reason?.member('$type')?.string() === 'app.bsky.feed.defs#reasonPin'
  const time = reason?.member('indexedAt') ?? item.member('post', 'indexedAt')
  return isPinned ? Number.NaN : Date.parse(time?.string() ?? '')
}
