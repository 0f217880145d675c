/**
 * Preferences of apps: private, one list, replaced as a whole. No other server ever sees them.
 * @see https://github.com/bluesky-social/atproto/blob/main/lexicons/app/bsky/actor/putPreferences.json
 */
import { invalidRequest } from '../../wire/errors.ts'
import type { Store } from '../store/open.ts'
import { changePod, readPod } from '../store/pod.ts'

export interface Preference {
  readonly type: string
  /** The preference as JSON, `$type` included. */
  readonly json: string
}

export interface Preferences {
  /** @param isFull false for app passwords, which do not learn the owner's birth date */
  list(isFull: boolean): Promise<Preference[]>
  /** Replaces all that the caller may see. @throws XrpcError 400 InvalidRequest, and nothing changes */
  replace(preferences: readonly Preference[], isFull: boolean): Promise<void>
}

const NAMESPACE = 'app.bsky.'
const PERSONAL_DETAILS = 'app.bsky.actor.defs#personalDetailsPref'
/** Computed from the birth date at each read, never stored. */
const DECLARED_AGE = 'app.bsky.actor.defs#declaredAgePref'

export const preferencesOf = (store: Store, now: () => number): Preferences => ({
  async list(isFull) {
    const stored = (await readPod(store, 'preferences')) ?? []
    const details = stored.find(({ type }) => type === PERSONAL_DETAILS)
    const age = details ? declaredAge(details, now()) : null
    return [...stored.filter(({ type }) => isVisible(type, isFull)), ...(age ? [age] : [])]
  },

  async replace(preferences, isFull) {
    const foreign = preferences.find(({ type }) => !type.startsWith(NAMESPACE))
    if (foreign) throw invalidRequest(`${foreign.type} is not in the app.bsky namespace`)
    const hidden = preferences.find(({ type }) => !isVisible(type, isFull))
    if (hidden) throw invalidRequest(`Do not have authorization to set preferences: ${hidden.type}`)
    const wanted = preferences.filter(({ type }) => type !== DECLARED_AGE)
    await changePod(store, 'preferences', (before = []) => [...before.filter(({ type }) => !isVisible(type, isFull)), ...wanted])
  },
})

const isVisible = (type: string, isFull: boolean): boolean => isFull || type !== PERSONAL_DETAILS

const declaredAge = ({ json }: Preference, now: number): Preference | null => {
  const { birthDate } = JSON.parse(json) as { birthDate?: unknown }
  if (typeof birthDate !== 'string' || Number.isNaN(Date.parse(birthDate))) return null
  const years = yearsBetween(new Date(birthDate), new Date(now))
  const value = { $type: DECLARED_AGE, isOverAge13: years >= 13, isOverAge16: years >= 16, isOverAge18: years >= 18 }
  return { type: DECLARED_AGE, json: JSON.stringify(value) }
}

const yearsBetween = (born: Date, today: Date): number => {
  const isBeforeBirthday =
    today.getUTCMonth() < born.getUTCMonth() || (today.getUTCMonth() === born.getUTCMonth() && today.getUTCDate() < born.getUTCDate())
  return today.getUTCFullYear() - born.getUTCFullYear() - (isBeforeBirthday ? 1 : 0)
}
