/** The numbers of the firehose, each with its reason, as in limits.ts. */
import { MAX_EVENT_BYTES, STORAGE_VALUE_BYTES } from './limits.ts'

const KIB = 1024
const MIB = 1024 * KIB
const SECOND_MS = 1000
const HOUR_MS = 3600 * SECOND_MS

/** Firehose retention; the design asks for at least 72 h. */
export const FIREHOSE_RETENTION_MS = 72 * HOUR_MS

/** Events kept of one room: 200,000 commits of a record, 2,700 an hour for 72 h, which only an import or a machine writes; a Durable Object holds 10 GB. */
export const FIREHOSE_BUDGET_BYTES = 1_000_000_000
/** Part of the budget that is freed at once when it is spent, so that not every event waits for an older one to go. */
export const FIREHOSE_PRUNE_SHARE = 1 / 16

/** Newest firehose frames kept in memory, from which a replay steps over to live without touching storage. */
export const FIREHOSE_TAIL_EVENTS = 512
export const FIREHOSE_TAIL_BYTES = 8 * MIB

/** Subscribers of one room; the design asks for a thousand. From one address, where it is known: a relay needs one subscription, an institution a few. */
export const MAX_SUBSCRIBERS = 1_024
export const MAX_SUBSCRIBERS_PER_ADDRESS = 64
/** What a subscriber that was refused is told to wait: places become free as others leave. */
export const SUBSCRIBER_RETRY_AFTER_S = 60
/** Unread bytes of all subscribers together, a quarter of the 128 MB that a room has (Cloudflare's limit), and of one: at a round trip of 50 ms still 20 MB/s. */
export const SUBSCRIBERS_BUFFER_BYTES = 32 * MIB
export const SUBSCRIBER_BUFFER_BYTES = 1 * MIB
/** Part of what is free of it that one may take: a hundred that read nothing leave a thirteenth free. */
export const SUBSCRIBER_SHARE = 1 / 8
/** What each may have unread whatever the others do: some ordinary commits; for a thousand it is as much again as all have together. */
export const SUBSCRIBER_FLOOR_BYTES = 32 * KIB
/** All subscribers together where the runtime does not tell what was read, so that everything sent counts. That one is for one's own machine, which has more memory. */
export const UNPROVEN_BYTES = 256 * MIB
/** How exactly a socket's state knows them: seldom enough to cost nothing. */
export const UNPROVEN_NOTED_BYTES = 1 * MIB
/** What a runtime needs to remember one frame that waits, besides its bytes (measured: below 50). */
export const SENT_FRAME_BYTES = 64
/** How often it is looked whether subscribers have read: often while they do, seldom while they do not. */
export const DRAIN_POLL_MIN_MS = 2
export const DRAIN_POLL_MAX_MS = 250
/** A subscriber that lacks events and has read nothing for this long is told ConsumerTooSlow: relays ping every 30 s, so it is longer than two of those. */
export const SUBSCRIBER_STALL_MS = 75 * SECOND_MS

/** Rows of events read from storage at once while replaying: 256 ordinary commits are about 1 MB, 256 pieces of large ones 30; so only one replay reads at a time. */
export const REPLAY_ROWS = 256
/** The pieces of the largest event, which must come in one reading. */
export const EVENT_ROWS = Math.ceil(MAX_EVENT_BYTES / STORAGE_VALUE_BYTES) + 1
