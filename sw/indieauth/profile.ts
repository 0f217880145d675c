/** Who the owner is to the web: what the profile record and the account say, as sites are told and as `/profile` shows it. */
import { getBlobCidString } from '@atproto/lex'
import { AVATAR_PATH } from '../../wire/indieauth.ts'
import { XrpcError } from '../../wire/errors.ts'
import type { Email } from '../account/email.ts'
import type { Self } from '../identity/self.ts'
import type { RepoReader } from '../repo/contract.ts'
import { readProfile } from '../xrpc/read-after-write/local-records.ts'

export interface OwnerProfile {
  /** The root of this host: by it sites know the owner. @see https://indieauth.spec.indieweb.org/#user-profile-url */
  readonly me: string
  /** The handle, where there is no other. */
  readonly name: string
  readonly handle: string
  readonly did: string
  readonly note?: string
  readonly pronouns?: string
  /** http(s). */
  readonly website?: string
  /** Address of the picture: there always is one. */
  readonly photo: string
  /** Of a picture that is not made up here. */
  readonly avatar?: { readonly cid: string }
}

export interface ProfileParts {
  readonly identity: Pick<Self, 'did' | 'handle' | 'origin'>
  readonly repo: Pick<RepoReader, 'record'>
  readonly email: Pick<Email, 'current'>
}

/** One that rests, or is not here yet, is told to no site. @throws XrpcError 403 NotActive */
export const assertActive = ({ standing }: Pick<Self, 'standing'>): void => {
  if (standing !== 'active')
    throw new XrpcError(403, 'NotActive', 'This account is not active here: no site is told of it. Sign in once it is.')
}

export const meOf = (origin: string): string => `${origin}/`

export const ownerProfile = async ({ identity, repo }: Pick<ProfileParts, 'identity' | 'repo'>): Promise<OwnerProfile> => {
  const { did, handle, origin } = identity
  const { displayName, description, pronouns, website, avatar } = (await readProfile(repo)) ?? {}
  return {
    me: meOf(origin),
    did,
    handle,
    name: displayName?.trim() || handle,
    ...(description?.trim() && { note: description.trim() }),
    ...(pronouns?.trim() && { pronouns: pronouns.trim() }),
    ...(website !== undefined && /^https?:\/\//i.test(website) && { website }),
    photo: origin + AVATAR_PATH,
    ...(avatar && { avatar: { cid: getBlobCidString(avatar) } }),
  }
}

/** @see https://indieauth.spec.indieweb.org/#profile-information */
export const profileInformation = async (
  parts: ProfileParts,
  scopes: readonly string[],
): Promise<{ readonly name?: string; readonly url?: string; readonly photo?: string; readonly email?: string }> => {
  const { name, me: url, photo } = await ownerProfile(parts)
  const { email } = await parts.email.current()
  return {
    ...(scopes.includes('profile') && { name, url, photo }),
    ...(scopes.includes('email') && email !== undefined && { email }),
  }
}
