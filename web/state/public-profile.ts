/** What anyone may read about the person behind a room: repo description, profile record, rough counts. All of it comes from the mirror. */
import type { RoomStatus } from '../../wire/frames.ts'

export interface PublicProfile {
  readonly displayName?: string
  readonly description?: string
  /** URL of the picture, same origin. */
  readonly avatar?: string
  /** `more`: there are more than COUNTED. */
  readonly collections: ReadonlyArray<{ readonly nsid: string; readonly count: number; readonly more: boolean }>
}

/** One page of listRecords: visitors learn "100+", not the exact number, for one request per collection. */
const COUNTED = 100
const MAX_COLLECTIONS = 6
const PROFILE = 'app.bsky.actor.profile'

/** null when the room has nothing yet (a pod that was claimed but never synced). */
export const readPublicProfile = async ({ did }: Pick<RoomStatus, 'did'>): Promise<PublicProfile | null> => {
  if (did === null) return null
  const repo = await ask('com.atproto.repo.describeRepo', { repo: did })
  const collections = Array.isArray(repo?.collections) ? repo.collections.filter((nsid): nsid is string => typeof nsid === 'string') : null
  if (collections === null) return null
  const [profile, counts] = await Promise.all([
    collections.includes(PROFILE) ? readProfile(did) : {},
    Promise.all(collections.slice(0, MAX_COLLECTIONS).map((nsid) => countRecords(did, nsid))),
  ])
  return { ...profile, collections: counts }
}

type Json = { readonly [key: string]: unknown }
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null

const ask = async (nsid: string, parameters: Readonly<Record<string, string>>): Promise<Json | null> => {
  try {
    const answer = await fetch(`/xrpc/${nsid}?${new URLSearchParams(parameters)}`)
    const value: unknown = answer.ok ? await answer.json() : null
    return isJson(value) ? value : null
  } catch {
    return null
  }
}

const readProfile = async (did: string): Promise<Pick<PublicProfile, 'displayName' | 'description' | 'avatar'>> => {
  const record = await ask('com.atproto.repo.getRecord', { repo: did, collection: PROFILE, rkey: 'self' })
  if (!isJson(record?.value)) return {}
  const { displayName, description, avatar } = record.value
  const ref = isJson(avatar) && isJson(avatar.ref) ? avatar.ref.$link : undefined
  return {
    ...(typeof displayName === 'string' && displayName !== '' && { displayName }),
    ...(typeof description === 'string' && description !== '' && { description }),
    ...(typeof ref === 'string' && { avatar: `/xrpc/com.atproto.sync.getBlob?${new URLSearchParams({ did, cid: ref })}` }),
  }
}

const countRecords = async (did: string, nsid: string): Promise<PublicProfile['collections'][number]> => {
  const page = await ask('com.atproto.repo.listRecords', { repo: did, collection: nsid, limit: String(COUNTED) })
  return {
    nsid,
    count: Array.isArray(page?.records) ? page.records.length : 0,
    more: typeof page?.cursor === 'string' && Array.isArray(page.records) && page.records.length === COUNTED,
  }
}
