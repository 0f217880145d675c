/** Collections as people call them; others keep their NSID. */
import type { PodSummary } from '../../wire/owner.ts'

const NAMES: Readonly<Record<string, string>> = {
  'app.bsky.actor.profile': 'Profile',
  'app.bsky.feed.post': 'Posts',
  'app.bsky.feed.like': 'Likes',
  'app.bsky.feed.repost': 'Reposts',
  'app.bsky.feed.threadgate': 'Reply rules',
  'app.bsky.feed.generator': 'Feeds',
  'app.bsky.graph.follow': 'Follows',
  'app.bsky.graph.block': 'Blocks',
  'app.bsky.graph.list': 'Lists',
  'app.bsky.graph.listitem': 'List members',
  'chat.bsky.actor.declaration': 'Chat settings',
}

export const collectionName = (nsid: string): string | undefined => NAMES[nsid]

/** All records of a repo. */
export const countRecords = ({ collections }: Pick<PodSummary, 'collections'>): number =>
  collections.reduce((sum, { count }) => sum + count, 0)
