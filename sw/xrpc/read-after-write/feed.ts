/** The owner's posts in feeds that an AppView put together without them, each at its time. */
import type { Edit, JsonPlace } from './json-place.ts'
import type { LocalPost, LocalRecords } from './local-records.ts'
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
  if (!feed) return []
  const items = feed.items()
  const shown = new Set(items.map((item) => item.member('post', 'uri')?.string()))
  const times = items.map(timeOf)
  const isTimed = times.some((time) => !Number.isNaN(time))
  /** Before which item; behind all of them where none has a time. */
  const placeOf = ({ at }: LocalPost): number | null => {
    const next = times.findIndex((time) => time < at)
    if (next === -1) return isTimed || params.has('cursor') ? null : items.length
    return next === 0 && params.has('cursor') ? null : next
  }
  const placed = posts.filter(({ uri }) => !shown.has(uri)).map((post) => ({ post, index: placeOf(post) }))
  const views = await Promise.all(
    placed.flatMap(({ post, index }) => (index === null ? [] : [postView(post, viewpoint).then((view) => ({ index, view }))])),
  )
  return [...Map.groupBy(views, ({ index }) => index)].map(([index, group]) =>
    feed.insertItems(
      index,
      group.map(({ view }) => JSON.stringify({ post: view })),
    ),
  )
}

/** ms; a repost stands where it was reposted. NaN for a pinned post, which stands above all times. */
const timeOf = (item: JsonPlace): number => {
  const reason = item.member('reason')
  const isPinned = reason?.member('$type')?.string() === 'app.bsky.feed.defs#reasonPin'
  const time = reason?.member('indexedAt') ?? item.member('post', 'indexedAt')
  return isPinned ? Number.NaN : Date.parse(time?.string() ?? '')
}
