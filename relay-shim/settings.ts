/** The room's settings, from environment variables (`--var NAME=value`), checked once at start with one sentence per mistake. */
import { BLOB_BUDGET_BYTES, FIREHOSE_RETENTION_MS, MIN_CLAIM_TOKEN_CHARS } from '../wire/limits.ts'
import { parsePlcUrl } from '../wire/plc-url.ts'
import { readSmtpServer } from './mail/smtp-url.ts'
import type { RoomSettings } from './port.ts'
import type { TrustedProxy } from './rate-limits/client-address.ts'

const HOUR_MS = 3_600_000
const MB = 1_000_000
/** Fits `wire/frames.ts`. @see https://atproto.com/specs/did */
const SERVICE = /^did:(?:web|plc):[\w.:%-]{1,1900}#[\w-]{1,100}$/
const POLICIES = ['open', 'token', 'closed'] as const

export class BadSettings extends Error {
  override readonly name = 'BadSettings'
  readonly mistakes: readonly string[]

  constructor(mistakes: readonly string[]) {
    super(mistakes.join(' '))
    this.mistakes = mistakes
  }
}

/**
 * - `TABPOD_POLICY`: open | token | closed. Left out: `token` where a token is set, else `closed`, because a shim that forgot its settings must not give
 *   its host name away to the first who asks.
 * - `TABPOD_CLAIM_TOKEN`: what the first tab must show under the policy `token`.
 * - `TABPOD_ALLOW_LOOPBACK_EGRESS`: true | false (default): lets the pod fetch from this machine over plain http, for development.
 * - `TABPOD_FIREHOSE_RETENTION_HOURS`: how long events are kept for subscribers that come back; default 72.
 * - `TABPOD_BLOB_BUDGET_MB`: what the mirrored blobs of one room may take; default 4,000. The least recently used give way, and are had from the tab again.
 * - `TABPOD_PLC_URL`: PLC directory, such as https://plc.directory, where pods may register a did:plc. Left out: did:web only.
 * - `TABPOD_APPVIEW`: `did#service` that the pods send `app.bsky.*` and the like to, as in did:web:api.bsky.app#bsky_appview. Left out: nowhere.
 * - `TABPOD_RELAYS`: relays to ask for a crawl, with commas between, such as https://bsky.network. Left out: none.
 * - `TABPOD_RATE_LIMITS`: on | off | a factor for all limits, such as 0.5. Left out: on, but off for rooms on loopback hosts, where one developer is all clients.
 * - `TABPOD_TRUSTED_PROXY`: who says where a request comes from: none (default) | cloudflare | number of proxies in front that add to x-forwarded-for.
 * - `TABPOD_SMTP_URL`, `TABPOD_SMTP_FROM`: mail server and sender for codes that the owners ask for (`mail/smtp-url.ts`). Left out: no mail.
 *
 * @throws BadSettings
 */
export const readSettings = (env: Readonly<Record<string, unknown>>): RoomSettings => {
  const mistakes: string[] = []
  const claimToken = text(env['TABPOD_CLAIM_TOKEN'])
  const policy = text(env['TABPOD_POLICY']) ?? (claimToken ? 'token' : 'closed')
  const known = POLICIES.find((name) => name === policy)
  if (!known) mistakes.push(`TABPOD_POLICY must be one of ${POLICIES.join(', ')}, not "${policy}".`)
  if (known === 'token' && !claimToken) mistakes.push('TABPOD_POLICY is "token", so TABPOD_CLAIM_TOKEN must be set.')
  if (claimToken && claimToken.length < MIN_CLAIM_TOKEN_CHARS)
    mistakes.push(`TABPOD_CLAIM_TOKEN must have at least ${MIN_CLAIM_TOKEN_CHARS} characters.`)
  const loopback = text(env['TABPOD_ALLOW_LOOPBACK_EGRESS']) ?? 'false'
  if (loopback !== 'true' && loopback !== 'false') mistakes.push(`TABPOD_ALLOW_LOOPBACK_EGRESS must be true or false, not "${loopback}".`)
  const retention = text(env['TABPOD_FIREHOSE_RETENTION_HOURS'])
  const hours = retention === null ? FIREHOSE_RETENTION_MS / HOUR_MS : Number(retention)
  if (!(hours > 0 && Number.isFinite(hours)))
    mistakes.push(`TABPOD_FIREHOSE_RETENTION_HOURS must be a number of hours above 0, not "${retention}".`)
  const budget = text(env['TABPOD_BLOB_BUDGET_MB'])
  const blobBudgetBytes = budget === null ? BLOB_BUDGET_BYTES : Number(budget) * MB
  if (!(blobBudgetBytes >= 0 && Number.isFinite(blobBudgetBytes)))
    mistakes.push(`TABPOD_BLOB_BUDGET_MB must be a number of megabytes, not "${budget}".`)
  const plc = text(env['TABPOD_PLC_URL'])
  const plcUrl = plc === null ? null : parsePlcUrl(plc)
  if (plc !== null && plcUrl === null)
    mistakes.push(`TABPOD_PLC_URL must be the https address of a PLC directory (http on loopback hosts only), not "${plc}".`)
  const appview = text(env['TABPOD_APPVIEW'])
  if (appview !== null && !SERVICE.test(appview))
    mistakes.push(`TABPOD_APPVIEW must be DID#service, as in did:web:api.bsky.app#bsky_appview, not "${appview}".`)
  const relays = readRelays(text(env['TABPOD_RELAYS']), mistakes)
  const rateLimits = readRateLimits(text(env['TABPOD_RATE_LIMITS']), mistakes)
  const trustedProxy = readTrustedProxy(text(env['TABPOD_TRUSTED_PROXY']), mistakes)
  const smtp = readSmtpServer(text(env['TABPOD_SMTP_URL']), text(env['TABPOD_SMTP_FROM']), mistakes)
  if (mistakes.length > 0 || !known) throw new BadSettings(mistakes)
  return {
    policy: known,
    claimToken,
    allowLoopbackEgress: loopback === 'true',
    firehoseRetentionMs: hours * HOUR_MS,
    blobBudgetBytes,
    plcUrl,
    appview,
    smtp,
    relays,
    rateLimits,
    trustedProxy,
  }
}

const readRelays = (written: string | null, mistakes: string[]): string[] => {
  const relays: string[] = []
  for (const part of (written ?? '').split(',').map((each) => each.trim())) {
    if (part === '') continue
    const url = parsePlcUrl(part)
    if (url === null)
      mistakes.push(`TABPOD_RELAYS must be https addresses of relays with commas between (http on loopback hosts only), not "${part}".`)
    else relays.push(url)
  }
  return [...new Set(relays)]
}

const readRateLimits = (written: string | null, mistakes: string[]): RoomSettings['rateLimits'] => {
  if (written === null) return 'public'
  if (written === 'on') return 1
  if (written === 'off') return 'off'
  const factor = Number(written)
  if (factor > 0 && Number.isFinite(factor)) return factor
  mistakes.push(`TABPOD_RATE_LIMITS must be on, off or a factor above 0, not "${written}".`)
  return 'public'
}

const readTrustedProxy = (written: string | null, mistakes: string[]): TrustedProxy => {
  if (written === null || written === 'none' || written === 'cloudflare') return written ?? 'none'
  if (/^[1-9]$/.test(written)) return Number(written)
  mistakes.push(`TABPOD_TRUSTED_PROXY must be none, cloudflare or the number of proxies in front (1 to 9), not "${written}".`)
  return 'none'
}

/** Variables given on the command line may arrive as JSON values (`--var X=true`); an empty one counts as left out. */
const text = (value: unknown): string | null => {
  const written = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value).trim() : ''
  return written === '' ? null : written
}
