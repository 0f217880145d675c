/** The owner's posts and profile that an AppView has not seen yet. */
import { main as profileSchema, type Main as Profile } from '../../../lexicons/app/bsky/actor/profile.defs.ts'
import { main as postSchema, type Main as Post } from '../../../lexicons/app/bsky/feed/post.defs.ts'
import { MAX_LOCAL_RECORDS } from '../../../wire/limits.ts'
import type { RepoLog, RepoReader } from '../../repo/contract.ts'
import { writtenSince } from '../../repo/recent-writes.ts'

export type { Post, Profile }

export interface LocalPost {
  readonly uri: string
  readonly cid: string
  /** When it was written here, ms. */
  readonly at: number
  readonly record: Post
}

export interface LocalRecords {
  /** Null where the AppView knows the newest. */
  readonly profile: Profile | null
  /** Newest first. */
  readonly posts: readonly LocalPost[]
  /** When the oldest of them was written, ms; Infinity for none. */
  readonly since: number
}

export type LocalRepo = Pick<RepoReader, 'head' | 'record'> & Pick<RepoLog, 'eventsAfter'>

const PROFILE = 'app.bsky.actor.profile'
const POST = 'app.bsky.feed.post'

/** What was written after `rev`, at most MAX_LOCAL_RECORDS of it. Costs nothing where there is none. */
export const readLocalRecords = async (repo: LocalRepo, rev: string): Promise<LocalRecords> => {
  const isWanted = (collection: string, rkey: string): boolean => collection === POST || (collection === PROFILE && rkey === 'self')
  const writes = await writtenSince(repo, rev, { limit: MAX_LOCAL_RECORDS, isWanted })
  let profile: Profile | null = null
  let since = Infinity
  const posts: LocalPost[] = []
  for (const { collection, rkey, at } of writes) {
    const found = await repo.record(collection, rkey)
    // A record that was written without validation may be anything: nothing can be shown of it.
    if (collection === PROFILE && profileSchema.matches(found?.value)) profile = found.value
    else if (collection === POST && postSchema.matches(found?.value))
      posts.push({ uri: found.uri, cid: found.cid, at, record: found.value })
    else continue
    since = Math.min(since, at)
  }
  return { profile, posts, since }
}

/** The owner's profile as it is now. */
export const readProfile = async (repo: Pick<RepoReader, 'record'>): Promise<Profile | null> => {
  const found = await repo.record(PROFILE, 'self')
  return profileSchema.matches(found?.value) ? found.value : null
}
