/**
 * The room's settings: environment variables (`--var NAME=value`), checked at start with one sentence per mistake. A new setting is an entry of the table below and a line in
 * docs/protocol.md, "Settings of the shim".
 */
import { FIREHOSE_BUDGET_BYTES, FIREHOSE_RETENTION_MS } from '../../wire/firehose-limits.ts'
import { BLOB_BUDGET_BYTES, MAX_RELAYS, MIN_CLAIM_TOKEN_CHARS, MIN_OPERATOR_TOKEN_CHARS } from '../../wire/limits.ts'
import { parsePlcUrl } from '../../wire/plc-url.ts'
import { type Apex, parseApex } from '../fedcm/apex.ts'
import { type HandleHost, parseHandleHost } from '../hosting/handle-hosts.ts'
import { parseHostPattern } from '../hosting/hosts.ts'
import { parseHost } from '../hostname.ts'
import { readSmtpServer } from '../mail/smtp-url.ts'
import { parseTrustedProxy, type TrustedProxy } from '../rate-limits/client-address.ts'
import { parseShare, type Share } from '../rate-limits/share.ts'
import { above0, atLeast0, list, oneOf, type Setting, setting, trueOrFalse } from './setting.ts'

const HOUR_MS = 3_600_000
const MB = 1_000_000
/** Fits `wire/frames.ts`. @see https://atproto.com/specs/did */
const SERVICE = /^did:(?:web|plc):[\w.:%-]{1,1900}#[\w-]{1,100}$/

export class BadSettings extends Error {
  override readonly name = 'BadSettings'
  readonly mistakes: readonly string[]

  constructor(mistakes: readonly string[]) {
    super(mistakes.join(' '))
    this.mistakes = mistakes
  }
}

const policy = setting('TABPOD_POLICY', { parse: oneOf('open', 'token', 'closed'), must: 'be one of open, token, closed', without: null })

const handles = list('TABPOD_HANDLES', {
  parse: parseHandleHost,
  must: 'be handle=DID with commas between, as in bob.example.com=did:plc:… or bob.example.com=did:plc:…>https://page.to.show/',
})

const apexes = list('TABPOD_FEDCM_APEX', {
  parse: parseApex,
  must: 'be domain=pod with commas between, as in example.com=alice.pods.example.com (that pod) or example.com (the pod below it that was bound first)',
})

const storageQuota = setting<number | null>('TABPOD_QUOTA_STORAGE_MB', {
  parse: above0(MB),
  must: 'be a number of megabytes above 0',
  without: null,
})

/** What can give way takes this share of a storage quota, unless it is said otherwise: the rest is for what cannot. */
const withinQuota = (budget: Setting<number>, share: number): Setting<number> => ({
  variables: [...budget.variables, ...storageQuota.variables],
  read: ([written = null, quota = null], mistakes) => {
    const [bytes, whole] = [budget.read([written], mistakes), storageQuota.read([quota], [])]
    if (whole === null) return bytes
    if (written === null) return Math.min(bytes, whole * share)
    if (bytes > whole) mistakes.push(`${budget.variables.join()} must not be more than TABPOD_QUOTA_STORAGE_MB.`)
    return bytes
  },
})

const SETTINGS = {
  /** Host names that are rooms; none: those of this machine. */
  hosts: list('TABPOD_HOSTS', {
    parse: parseHostPattern,
    must: 'be host names with commas between, such as pds.example.com, *.pods.example.com (any one label), localhost:* (any port), or * for all that reach this shim',
  }),
  /** Host names that are handles and nothing else: they go before a wildcard of `hosts`. */
  handles: {
    variables: [...handles.variables, 'TABPOD_HOSTS'],
    read: ([written = null, hosts = null], mistakes) => {
      const read = handles.read([written], mistakes)
      const listed = new Set(hosts?.split(',').map((each) => parseHost(each.trim())))
      const seen = new Set<string>()
      for (const { host } of read) {
        if (seen.has(host)) mistakes.push(`TABPOD_HANDLES names ${host} twice.`)
        if (listed.has(host)) mistakes.push(`${host} cannot be a room (TABPOD_HOSTS) and only a handle (TABPOD_HANDLES).`)
        seen.add(host)
      }
      return read
    },
  } satisfies Setting<readonly HandleHost[]>,
  /** Domains above pods, where browsers look for the one that is the identity provider; those above a wildcard of `hosts` need not be named. */
  apexes: {
    variables: apexes.variables,
    read: (written, mistakes) => {
      const read = apexes.read(written, mistakes)
      for (const { host } of read.filter((each, at) => read.findIndex((other) => other.host === each.host) < at))
        mistakes.push(`TABPOD_FEDCM_APEX names ${host} twice: browsers take one pod below a domain.`)
      return read
    },
  } satisfies Setting<readonly Apex[]>,
  /**
   * open: the first tab that asks gets a free room · token: it must show `claimToken` · closed: no room is given away. Left out: `token` where a token is
   * set, else `closed`, because a shim that forgot its settings must not give its host name away to the first who asks.
   */
  policy: {
    variables: [...policy.variables, 'TABPOD_CLAIM_TOKEN'],
    read: ([written = null, token = null], mistakes) => {
      if (written === 'token' && token === null) mistakes.push('TABPOD_POLICY is "token", so TABPOD_CLAIM_TOKEN must be set.')
      return policy.read([written], mistakes) ?? (token === null ? 'closed' : 'token')
    },
  } satisfies Setting<'open' | 'token' | 'closed'>,
  /** What the first tab must show under the policy `token`. */
  claimToken: setting('TABPOD_CLAIM_TOKEN', {
    parse: (written) => (written.length >= MIN_CLAIM_TOKEN_CHARS ? written : undefined),
    must: `have at least ${MIN_CLAIM_TOKEN_CHARS} characters`,
    without: null,
    isSecret: true,
  }),
  /** Egress to loopback addresses over plain http, for development. */
  allowLoopbackEgress: setting('TABPOD_ALLOW_LOOPBACK_EGRESS', { parse: trueOrFalse, must: 'be true or false', without: false }),
  /** Resolver (DNS over HTTPS, JSON) that is asked where a name leads before anything is fetched from it; null: names are judged as written. */
  dnsUrl: setting<string | null>('TABPOD_DNS_URL', {
    parse: (written) => parsePlcUrl(written) ?? undefined,
    must: 'be the https address of a resolver, as in https://cloudflare-dns.com/dns-query (http on loopback hosts only)',
    without: null,
  }),
  /** How long events are kept for subscribers that come back. */
  firehoseRetentionMs: setting('TABPOD_FIREHOSE_RETENTION_HOURS', {
    parse: above0(HOUR_MS),
    must: 'be a number of hours above 0',
    without: FIREHOSE_RETENTION_MS,
  }),
  /** What they may take; the oldest give way, even before that time. */
  firehoseBudgetBytes: withinQuota(
    setting('TABPOD_FIREHOSE_BUDGET_MB', { parse: above0(MB), must: 'be a number of megabytes above 0', without: FIREHOSE_BUDGET_BYTES }),
    1 / 4,
  ),
  /** Mirrored blobs of one room together. The least recently used give way, and are had from the tab again. */
  blobBudgetBytes: withinQuota(
    setting('TABPOD_BLOB_BUDGET_MB', { parse: atLeast0(MB), must: 'be a number of megabytes', without: BLOB_BUDGET_BYTES }),
    1 / 2,
  ),
  /** All that one room may store; null: as much as it can. */
  storageQuotaBytes: storageQuota,
  /** Requests that one room answers in a day; null: any number. */
  requestQuota: setting<number | null>('TABPOD_QUOTA_REQUESTS_PER_DAY', { parse: above0(1), must: 'be a number above 0', without: null }),
  /** Commits and other events that one room takes in a day; null: any number. */
  eventQuota: setting<number | null>('TABPOD_QUOTA_EVENTS_PER_DAY', { parse: above0(1), must: 'be a number above 0', without: null }),
  /** What opens the operator's page; null: there is none. */
  operatorToken: setting('TABPOD_OPERATOR_TOKEN', {
    parse: (written) => (written.length >= MIN_OPERATOR_TOKEN_CHARS ? written : undefined),
    must: `have at least ${MIN_OPERATOR_TOKEN_CHARS} characters`,
    without: null,
    isSecret: true,
  }),
  /** PLC directory as `parsePlcUrl` writes it; null: no did:plc is admitted. */
  plcUrl: setting<string | null>('TABPOD_PLC_URL', {
    parse: (written) => parsePlcUrl(written) ?? undefined,
    must: 'be the https address of a PLC directory (http on loopback hosts only)',
    without: null,
  }),
  /** `did#service` of the AppView that pods ask for what they do not answer themselves; null: nobody is asked. */
  appview: setting<string | null>('TABPOD_APPVIEW', {
    parse: (written) => (SERVICE.test(written) ? written : undefined),
    must: 'be DID#service, as in did:web:api.bsky.app#bsky_appview',
    without: null,
  }),
  /** Relays that are asked to crawl, as `parsePlcUrl` writes them. */
  relays: list('TABPOD_RELAYS', {
    parse: (written) => parsePlcUrl(written) ?? undefined,
    must: 'be https addresses of relays with commas between (http on loopback hosts only)',
    atMost: MAX_RELAYS,
  }),
  rateLimits: setting<Share>('TABPOD_RATE_LIMITS', {
    parse: parseShare,
    must: 'be on, off or a factor above 0',
    without: 'public',
  }),
  /** What is between the clients and the room, and may say who they are. */
  trustedProxy: setting<TrustedProxy>('TABPOD_TRUSTED_PROXY', {
    parse: parseTrustedProxy,
    must: 'be none, cloudflare or the number of proxies in front (1 to 9)',
    without: 'none',
  }),
  /** Where mail to the owners goes out; null: nowhere. */
  smtp: {
    variables: ['TABPOD_SMTP_URL', 'TABPOD_SMTP_FROM'],
    read: ([url = null, from = null], mistakes) => readSmtpServer(url, from, mistakes),
  } satisfies Setting<ReturnType<typeof readSmtpServer>>,
}

export type RoomSettings = {
  readonly [Name in keyof typeof SETTINGS]: ReturnType<(typeof SETTINGS)[Name]['read']>
}

/** Every variable that is read, in the order of the table. */
export const VARIABLES: readonly string[] = [...new Set(Object.values(SETTINGS).flatMap(({ variables }) => variables))]

/** @throws BadSettings */
export const readSettings = (env: Readonly<Record<string, unknown>>): RoomSettings => {
  const mistakes: string[] = []
  const values = Object.entries<Setting<unknown>>(SETTINGS).map(([name, { variables, read }]) => [
    name,
    read(
      variables.map((variable) => written(env[variable])),
      mistakes,
    ),
  ])
  if (mistakes.length > 0) throw new BadSettings(mistakes)
  // Each value was read by the entry of its name.
  return Object.fromEntries(values) as RoomSettings
}

/** Names that look like settings and are none: misspelt, or of another version. Nothing reads them. */
export const unknownVariables = (env: Readonly<Record<string, unknown>>): string[] =>
  Object.keys(env).filter((name) => name.startsWith('TABPOD_') && !VARIABLES.includes(name))

/** Variables given on the command line may arrive as JSON values (`--var X=true`); an empty one counts as left out. */
const written = (value: unknown): string | null => {
  const said = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value).trim() : ''
  return said === '' ? null : said
}
