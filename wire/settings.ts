/** What the owner may set about the pod. Whatever the owner never touched stays as `DEFAULT_SETTINGS` has it, in later versions too. */
import {
  ACCESS_TTL_BOUNDS_MS,
  ACCESS_TTL_MS,
  BLOB_QUOTA_BOUNDS_BYTES,
  BLOB_QUOTA_BYTES,
  LOG_RETENTION_BOUNDS_MS,
  LOG_RETENTION_MS,
  MAX_BLOB_BYTES,
  MAX_LISTED,
  MIN_BLOB_LIMIT_BYTES,
  REFRESH_TTL_BOUNDS_MS,
  REFRESH_TTL_MS,
} from './limits.ts'

export interface Settings {
  /** Of tokens that are issued from now on. */
  readonly accessTtlMs: number
  readonly refreshTtlMs: number
  /** Which uploads are taken, as in `image/*`; `*` + `/*` is all. */
  readonly blobTypes: readonly string[]
  /** Of one upload; advertised by describeServer. */
  readonly maxBlobBytes: number
  /** All blobs together. */
  readonly blobQuotaBytes: number
  readonly logRetentionMs: number
  /** Whose scripts may read what this tab answers, as in `https://app.example`; `*`: everyone's. */
  readonly corsOrigins: readonly string[]
  /** Whether `/xrpc/_debug/` answers the owner. */
  readonly debugRoutes: boolean
}

export const DEFAULT_SETTINGS: Settings = {
  accessTtlMs: ACCESS_TTL_MS,
  refreshTtlMs: REFRESH_TTL_MS,
  blobTypes: ['*/*'],
  maxBlobBytes: MAX_BLOB_BYTES,
  blobQuotaBytes: BLOB_QUOTA_BYTES,
  logRetentionMs: LOG_RETENTION_MS,
  corsOrigins: ['*'],
  debugRoutes: false,
}

export type SettingsProblems = Partial<Record<keyof Settings, string>>

/** One sentence for each mistake; none: these settings can be used. */
export const settingsProblems = (settings: Settings): SettingsProblems => {
  const { accessTtlMs, refreshTtlMs, blobTypes, maxBlobBytes, blobQuotaBytes, logRetentionMs, corsOrigins, debugRoutes } = settings
  const found: Record<keyof Settings, string | null> = {
    accessTtlMs: within(accessTtlMs, ACCESS_TTL_BOUNDS_MS, 'Access tokens can last from 1 minute to 24 hours.'),
    refreshTtlMs:
      within(refreshTtlMs, REFRESH_TTL_BOUNDS_MS, 'Refresh tokens can last from 1 hour to 400 days.') ??
      (refreshTtlMs < accessTtlMs ? 'Refresh tokens must last longer than access tokens.' : null),
    blobTypes: listed(
      blobTypes,
      isTypePattern,
      'is not a kind of file: write image/*, video/mp4, or */* for all.',
      'Name at least one kind of file, or */* for all.',
    ),
    maxBlobBytes: within(maxBlobBytes, [MIN_BLOB_LIMIT_BYTES, MAX_BLOB_BYTES], 'The largest file can have from 1 kB to 104.8 MB.'),
    blobQuotaBytes:
      within(blobQuotaBytes, BLOB_QUOTA_BOUNDS_BYTES, 'All files together can have from 1 MB to 1,000 GB.') ??
      (blobQuotaBytes < maxBlobBytes ? 'All files together cannot have less than the largest one.' : null),
    logRetentionMs: within(logRetentionMs, LOG_RETENTION_BOUNDS_MS, 'The log can be kept from 1 hour to 400 days.'),
    corsOrigins: listed(corsOrigins, isOrigin, 'is not an origin: write https://app.example without a path, or * for all.', null),
    debugRoutes: typeof debugRoutes === 'boolean' ? null : 'Debug routes are on or off.',
  }
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== null))
}

/** Whether an upload of this type is taken. */
export const admitsType = (patterns: readonly string[], mime: string): boolean => {
  const [type = ''] = mime.toLowerCase().split(';')
  return patterns.some(
    (pattern) => pattern === '*/*' || pattern === type || (pattern.endsWith('/*') && type.startsWith(pattern.slice(0, -1))),
  )
}

const within = (value: unknown, [least, most]: readonly [number, number], problem: string): string | null =>
  typeof value === 'number' && value >= least && value <= most ? null : problem

/** @param empty what is wrong with an empty list; null: nothing */
const listed = (values: unknown, isValid: (value: string) => boolean, isNone: string, empty: string | null): string | null => {
  if (!Array.isArray(values) || values.length > MAX_LISTED) return `At most ${MAX_LISTED} can be listed.`
  if (values.length === 0) return empty
  const wrong: unknown = values.find((value) => typeof value !== 'string' || !isValid(value))
  return wrong === undefined ? null : `${JSON.stringify(wrong)} ${isNone}`
}

/** @see https://datatracker.ietf.org/doc/html/rfc6838#section-4.2 */
const isTypePattern = (pattern: string): boolean =>
  pattern === '*/*' || /^[a-z0-9][\w.+-]{0,126}\/(\*|[a-z0-9][\w.+-]{0,126})$/.test(pattern)

const isOrigin = (text: string): boolean =>
  text === '*' || (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).origin === text)
