/** The owner's profile, as it is now, in views that an AppView made of an older one. */
import type { Edit, JsonPlace } from './json-place.ts'
import type { LocalRecords, Profile } from './local-records.ts'
import { blobUrl, type Viewpoint } from './viewpoint.ts'

/** app.bsky.actor.getProfile: the view is the whole answer. */
export const catchUpProfile = (root: JsonPlace, { profile }: LocalRecords, { identity }: Viewpoint): Edit[] =>
  profile && isOwn(root, identity) ? [replaceMembers(root, detailed(profile, identity))] : []

/** app.bsky.actor.getProfiles */
export const catchUpProfiles = (root: JsonPlace, local: LocalRecords, viewpoint: Viewpoint): Edit[] =>
  (root.member('profiles')?.items() ?? []).flatMap((view) => catchUpProfile(view, local, viewpoint))

/** The author of the owner's posts in a feed. */
export const catchUpAuthors = (feed: JsonPlace | undefined, { profile }: LocalRecords, { identity }: Viewpoint): Edit[] =>
  (feed?.items() ?? []).flatMap((item) => {
    const author = item.member('post', 'author')
    return profile && author && isOwn(author, identity) ? [replaceMembers(author, fromProfile(profile, identity))] : []
  })

/** The members of a profileViewBasic that come from the record. @see https://docs.bsky.app/docs/api/app-bsky-actor-get-profile */
export const fromProfile = (profile: Profile, identity: Viewpoint['identity']) => ({
  displayName: profile.displayName,
  avatar: profile.avatar && blobUrl(identity, profile.avatar),
})

const detailed = (profile: Profile, identity: Viewpoint['identity']) => ({
  ...fromProfile(profile, identity),
  description: profile.description,
  banner: profile.banner && blobUrl(identity, profile.banner),
})

const isOwn = (view: JsonPlace, { did }: Viewpoint['identity']): boolean => view.member('did')?.string() === did

/** What is undefined now goes. */
const replaceMembers = (view: JsonPlace, members: object): Edit => view.replace(JSON.stringify({ ...Object(view.value()), ...members }))
