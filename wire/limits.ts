/** Every number with a unit lives here, or in firehose-limits.ts if it is the firehose's, with its reason. Bytes are bytes, `Ms` is milliseconds. */

const KIB = 1024
const MIB = 1024 * KIB
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** A PartyKit socket that receives more than 1 MiB in one message goes silently dead (hibernation API), so messages stay well below. */
export const MAX_MESSAGE_BYTES = 512 * KIB

/** Payload of one streamed piece: large enough for throughput, small enough that a short answer never waits long behind a big one. */
export const CHUNK_BYTES = 128 * KIB

/** What a sender may have in flight per stream before it is credited; 1 MiB kept a slow reader's memory flat in our measurements. */
export const STREAM_WINDOW_BYTES = 1 * MIB

/** Request bodies up to this size are kept by the room and sent again after a killed worker; longer ones are streamed once. */
export const REPLAYABLE_BODY_BYTES = 256 * KIB

/** atproto event stream: a `#commit` carries at most 2,000,000 bytes of blocks (spec, sync 1.1). */
export const MAX_COMMIT_BLOCKS_BYTES = 2_000_000

/** atproto event stream: a whole frame is at most 5 MB (spec, event stream). */
export const MAX_EVENT_BYTES = 5_000_000

/** com.atproto.repo.applyWrites and `#commit.ops`: at most 200 (spec, sync 1.1). */
export const MAX_WRITES_PER_COMMIT = 200

/** A record is at most 1 MiB of CBOR (the reference PDS's limit). */
export const MAX_RECORD_BYTES = 1 * MIB

/** JSON bodies: a record, doubled by base64 and escapes, 200 of them would not fit a commit anyway. */
export const MAX_JSON_BODY_BYTES = 4 * MIB

/** Largest blob accepted; advertised by describeServer as `blobUploadLimit`. Matches what the Bluesky app uploads as video. */
export const MAX_BLOB_BYTES = 100 * MIB

/** PartyKit storage refuses values above 128 KiB; 120 leaves room for the envelope. */
export const STORAGE_VALUE_BYTES = 120 * KIB

/** PartyKit storage takes at most 128 keys in one get or put. */
export const STORAGE_BATCH_KEYS = 128

/** From the first byte of a request to the head of its answer; after it the client gets 504. */
export const REQUEST_DEADLINE_MS = 30 * SECOND_MS

/** The same for com.atproto.repo.importRepo, whose records are checked and landed after the last byte; Node's fetch waits no longer for an answer. */
export const IMPORT_DEADLINE_MS = 5 * MINUTE_MS

/** How long a request waits for an uplink that broke to come back: a killed worker is back in ~50 ms, a reloaded page in ~1 s. */
export const REJOIN_GRACE_MS = 8 * SECOND_MS

/** Requests the room holds for one tab at the same time; beyond it 503. Well above the 400 in flight the design asks for. */
export const MAX_IN_FLIGHT = 1000

/** A joining tab that has not proven itself by then is cut off. */
export const JOIN_DEADLINE_MS = 10 * SECOND_MS

/** What clients are told to wait when the tab is closed. */
export const ASLEEP_RETRY_AFTER_S = 30

/** Access tokens of legacy sessions (reference PDS: 2 h). */
export const ACCESS_TTL_MS = 2 * HOUR_MS

/** Refresh tokens of legacy sessions (reference PDS: 90 days). */
export const REFRESH_TTL_MS = 90 * DAY_MS

/** A refresh token that was already rotated still works this long, for clients that lost the answer (reference PDS: 2 h). */
export const REFRESH_GRACE_MS = 2 * HOUR_MS

/** Failed sign-ins before the lock, and how long it holds. */
export const MAX_SIGN_IN_FAILURES = 5
export const SIGN_IN_LOCK_MS = 15 * MINUTE_MS

/** The longest that Chromium keeps a cookie. How long a browser is signed in by it is the tab's to say. */
export const DEVICE_COOKIE_MAX_AGE_S = 400 * 24 * 60 * 60

/** OWASP's 2023 figure for PBKDF2-HMAC-SHA-256. */
export const PASSWORD_ROUNDS = 600_000

/** Uploaded blobs that no record mentions are collected after this time. */
export const TEMPORARY_BLOB_TTL_MS = 6 * HOUR_MS

/** Recorded answers are kept this long for retries: four times as long as the room keeps a write (REQUEST_DEADLINE_MS). Each is some 400 bytes of the worker's memory. */
export const ANSWER_TTL_MS = 2 * MINUTE_MS

/** Events between two checkpoints of the tree: bounds both the replay after a killed worker and the memory of the log. */
export const CHECKPOINT_EVENTS = 500

/** The room tells the tab at most this many mirror-answered requests a second, so that the owner's live strip costs nothing under load. */
export const MAX_SEEN_PER_SECOND = 10

/** Page → worker. Browsers stop a worker that had no event for 30 s. */
export const KEEP_ALIVE_INTERVAL_MS = 10 * SECOND_MS

/** A frame that arrives this long after the last keep-alive brings one along, because timers of hidden pages are held back. */
export const KEEP_ALIVE_STALE_MS = 5 * SECOND_MS

/** How long one keep-alive holds the worker: longer than the minute to which timers of hidden pages are slowed, below the 5 min an event may last. */
export const KEEP_ALIVE_HOLD_MS = 90 * SECOND_MS

/** Acknowledged events are noted in IndexedDB at most this often, so that a write costs no second transaction. */
export const ACKNOWLEDGE_DELAY_MS = 1 * SECOND_MS

/** Events sent while catching up and not yet accepted: keeps the socket's buffer flat, and two of the largest events may still overlap. */
export const OUTBOX_WINDOW_BYTES = 4 * MIB
/** Rows read from the log at a time while catching up. */
export const OUTBOX_BATCH_EVENTS = 32

/** A page waits for its words that long, and is in English then. */
export const BUILD_FILE_DEADLINE_MS = 2 * SECOND_MS

/** How long the owner's page waits for the worker's answer; creating a pod costs two PBKDF2 runs at most. */
export const OWNER_DEADLINE_MS = 60 * SECOND_MS

/** Reconnecting uplink: first delay (doubled by jitter so that tabs do not come back in step), largest delay, and when an attempt is given up. */
export const RECONNECT_MIN_MS = 100
export const RECONNECT_MAX_MS = 10 * SECOND_MS
/** Workers that died soon after each other and are still replaced at once; more look like one request that kills them all. */
export const MAX_PROMPT_REDIALS = 3
/** How long the page waits for a worker to take a connection over: a stopped one is up in 50 ms. One that was killed just then says nothing, and the room would wait for it longer than requests do. */
export const PIPE_DEADLINE_MS = 2 * SECOND_MS
/** The longest pause after more of them: well below REJOIN_GRACE_MS, so that requests which wait for a worker are still answered by the next one. */
export const MAX_REDIAL_MS = 3 * SECOND_MS
export const CONNECT_TIMEOUT_MS = 8 * SECOND_MS

/** Passwords: short ones fall to guessing through a public address, and the reference PDS takes no longer ones. */
export const MIN_PASSWORD_LENGTH = 8
export const MAX_PASSWORD_LENGTH = 256

/** Verified access tokens kept in memory; one owner has a handful of clients, each with one live token. */
export const MAX_CACHED_TOKENS = 256

/** How long browsers may remember a preflight: Chromium's own ceiling. */
export const PREFLIGHT_MAX_AGE_S = 7200

/** Both ways of resolving a handle run side by side within this time. */
export const HANDLE_LOOKUP_DEADLINE_MS = 5 * SECOND_MS
/** Handles are believed without a look for this long, and used that long while nobody answers: shorter than DIDs, because names do change hands. */
export const HANDLE_STALE_MS = 10 * MINUTE_MS
export const HANDLE_MAX_AGE_MS = 1 * HOUR_MS
/** Resolved handles kept in memory: those one owner meets in an hour. */
export const MAX_CACHED_HANDLES = 256
/** Changes of the own handle (the reference PDS's figures): each is an operation in the directory, and every relay and AppView looks it up. */
export const HANDLE_CHANGE_LIMITS = [
  { windowMs: 5 * MINUTE_MS, times: 10 },
  { windowMs: DAY_MS, times: 50 },
] as const
/** A DID is at most 2048 characters; DNS answers wrap it in a little JSON. */
export const MAX_HANDLE_ANSWER_BYTES = 16 * KIB

/** All request bodies the room keeps for replay together: a room has 128 MB (Cloudflare's limit), beyond this share bodies are streamed once. */
export const MAX_HELD_BODIES_BYTES = 32 * MIB

/** What one fetch for the pod may send: no service takes a longer body than the largest blob. */
export const MAX_EGRESS_REQUEST_BYTES = 100 * MIB
/** What one fetch for the pod may bring: the repo of a very busy account, when it moves here. It is streamed, so this bounds traffic, not memory. */
export const MAX_EGRESS_RESPONSE_BYTES = 512 * MIB

/** One public document, as the room keeps it: a page of plain text. A frame with a longer one ends the connection. */
export const MAX_DOCUMENT_CHARS = 65_536
/** A forwarded request's path (MAX_PATH_CHARS) behind another origin. */
export const MAX_EGRESS_URL_CHARS = 20_480

/** From the last of the request's body to the head of the answer (the reference PDS waits as long for an AppView). */
export const EGRESS_DEADLINE_MS = 10 * SECOND_MS
/** Silence in the middle of an answer, before it is given up (the reference PDS waits as long). */
export const EGRESS_IDLE_MS = 30 * SECOND_MS

/** Outgoing fetches of one room at the same time: a client opens with some twenty, workerd queues beyond six, and more only hides a loop. */
export const MAX_EGRESS_IN_FLIGHT = 64

/** What a name was found to lead to is believed for so long: no longer than the resolver that the runtime asks believes it. */
export const DNS_CACHE_MS = 1 * MINUTE_MS
export const MAX_CACHED_NAMES = 256
/** Resolvers answer in milliseconds; the fetch that waits has EGRESS_DEADLINE_MS of its own. */
export const DNS_DEADLINE_MS = 5 * SECOND_MS
/** A name with a hundred addresses. */
export const MAX_DNS_ANSWER_BYTES = 16 * KIB

/** An answer of an AppView or chat service (the reference PDS allows as much). */
export const MAX_PROXIED_RESPONSE_BYTES = 10 * MIB
/** What is read of an upstream's error to say it in our own words, and of a feed generator's record: a few sentences each. */
export const MAX_UPSTREAM_TEXT_BYTES = 64 * KIB

/** DID documents are believed without a look for this long, and used for a day while a new one cannot be had (the reference PDS's figures). */
export const DID_STALE_MS = 1 * HOUR_MS
export const DID_MAX_AGE_MS = 1 * DAY_MS
/** Resolved DIDs kept in memory: one owner uses a handful of services, feed generators and labelers. */
export const MAX_CACHED_DIDS = 256
/** Real documents are a few hundred bytes; nobody who is asked may fill our memory. */
export const MAX_DID_DOCUMENT_BYTES = 64 * KIB
/** One look-up, within the deadline of the request that needs it, or of the join (JOIN_DEADLINE_MS). */
export const DID_LOOKUP_DEADLINE_MS = 5 * SECOND_MS

/** Service tokens (reference PDS: a minute by default and without a method, an hour at most). */
export const SERVICE_TOKEN_TTL_MS = 1 * MINUTE_MS
export const MAX_SERVICE_TOKEN_TTL_MS = 1 * HOUR_MS

/** One tunnelled request's path and each header, as `wire/frames.ts` parses them; beyond it 414 and 431 instead of a broken uplink. */
export const MAX_PATH_CHARS = 16_384
/** The longest query of a socket holds a cursor of 16 digits; PartyServer keeps the whole address with the socket, which has 2,048 bytes for that. */
export const MAX_SOCKET_QUERY_CHARS = 256
export const MAX_HEADER_CHARS = 16_384
export const MAX_HEADERS = 128
/** All headers of one request: escaped as JSON they may double, and must still fit a message (MAX_MESSAGE_BYTES). Cloudflare takes 128 KB, nginx 32 KB. */
export const MAX_HEADERS_CHARS = 64 * KIB
/** A short body (REPLAYABLE_BODY_BYTES) must be here by then; of longer ones, and of answers on their way to a client, each piece (CHUNK_BYTES) must move within this time: 4 KiB a second. */
export const BODY_DEADLINE_MS = 30 * SECOND_MS
/** What was refused already is read for the sake of the connection, no longer than this. */
export const READ_AWAY_DEADLINE_MS = 2 * SECOND_MS
/** And no more: several times the longest JSON (1 MB), so that who overdid it hears 413 and not ECONNRESET. */
export const READ_AWAY_BYTES = 8 * MIB
/** Streamed answers on their way to clients: each may hold a window of the tunnel (STREAM_WINDOW_BYTES), or its share of what the mirror reads (DOWNLOADS_BYTES). */
export const MAX_DOWNLOADS = 48
/**
 * What answers of the mirror hold together while their clients read. Who began while they were few holds more than its share if it stops: 48 that never read held
 * 100 MB of the isolate's 128 when each might hold 2 MiB, and hold some 40 like this.
 */
export const DOWNLOADS_BYTES = 12 * MIB
/** A client that has let its download wait for so long makes room for another one. */
export const MIN_UNREAD_MS = 1 * SECOND_MS
/** Requests of one address at the same time, where addresses are known: browsers open six connections over HTTP/1.1 and a hundred streams over HTTP/2. */
export const MAX_OPEN_PER_ADDRESS = 100

/** What a tab has sent and the room has not yet checked, events and answers together: an honest one stays within OUTBOX_WINDOW_BYTES while it catches up, and writes no faster than it is answered. */
export const MAX_UNCHECKED_BYTES = 32 * MIB
/** What each of them costs beside its bytes. */
export const UNCHECKED_STEP_BYTES = 256
/** Uploads of one tab at the same time: each may hold a window. */
export const MAX_UPLOADS = 32
/** Of a blob or snapshot nothing came for so long: a piece of it (CHUNK_BYTES) is under way longer only where no repo could ever be mirrored. */
export const UPLOAD_IDLE_MS = 1 * MINUTE_MS

/** Connections that have not proven themselves at the same time; a tab needs one. */
export const MAX_UNADMITTED = 32

/** A claim token shorter than this could be guessed over the network. */
export const MIN_CLAIM_TOKEN_CHARS = 16

/** A rev may lie this far ahead of the room's clock: what relays tolerate of clocks that are wrong. */
export const MAX_REV_AHEAD_MS = 5 * MINUTE_MS

/** Blocks of commits that the room keeps in memory: the tree and records of some 25,000 posts, an eighth of the isolate's 128 MB. */
export const BLOCK_CACHE_BYTES = 16 * MIB

/** Blocks of a snapshot: their index takes eight bytes of memory each, twice while a snapshot takes another's place. A million records are 1.3 million blocks. */
export const MAX_PACKED_BLOCKS = 2_000_000
/** Packs the room keeps in memory: an AppView asks for the same records and nodes again and again. */
export const PACK_CACHE_BYTES = 8 * MIB
/** Blobs that the room keeps in memory: a picture that was just posted is fetched by every AppView and its caches. Larger ones are not kept. */
export const BLOB_CACHE_BYTES = 8 * MIB
export const MAX_CACHED_BLOB_BYTES = 1 * MIB
/** Packs (STORAGE_VALUE_BYTES) read from storage at once; an export reads as many ahead, as far as its share goes (DOWNLOADS_BYTES). */
export const PACK_READ_BATCH = 8
/** Tree nodes that have left a pack: from this share of its size on their bytes are erased, which costs a write of the whole pack. Records are erased at once. */
export const PACK_GARBAGE_BYTES = STORAGE_VALUE_BYTES / 8
/** Rows of a snapshot that are written at once: storage confirms each write, and the room's memory holds what it has not confirmed. */
export const SNAPSHOT_WRITE_ROWS = 16 * STORAGE_BATCH_KEYS
export const SNAPSHOT_WRITE_BYTES = 4 * MIB

/** Answers to this many events are remembered, so that a repeated event gets its old number; only those in flight can come twice. */
export const REMEMBERED_EVENTS = 10_000

/** Pieces in which the room streams a repo: large enough that the runtime's cost per piece vanishes. */
export const CAR_CHUNK_BYTES = 256 * KIB

/** Tree nodes that only the log holds: bounds the memory of the worker and the replay, whatever the size of the commits. */
export const CHECKPOINT_BYTES = 8 * MIB
/** Quiet time after which the tree is written down, well inside the 30 s after which browsers stop an idle worker. */
export const CHECKPOINT_IDLE_MS = 5 * SECOND_MS
/** Events kept although the room has them and the tree is written down, so that a room that lost a little can be caught up by events. */
export const KEPT_EVENTS = 1_000
/** Commits landed in one transaction; beyond it the gain is small and a failure would throw away much. */
export const MAX_COMMITS_PER_LANDING = 64
/** Old records kept in memory for a reader that walks the repo while they are replaced; a slower reader has to start again. */
export const MAX_PINNED_BYTES = 32 * MIB
/** An upload is handed to the browser's blob storage in parts of this size, so that the worker's heap never holds more of it. */
export const BLOB_PART_BYTES = 4 * MIB

/** The log of a DID that changed a thousand times; directories take some hundred operations a week. */
export const MAX_PLC_LOG_BYTES = 1 * MIB
/** What a document said about a pod is not asked again for this long: a killed worker joins anew within 50 ms. */
export const DID_CACHE_MS = 5 * MINUTE_MS

/** Events the room may have accepted without saying so: it speaks once for many, and the tab forgets what was accepted that late. */
export const MAX_UNSAID_ACCEPTED = 64

/** How long a pod that is being deleted waits for its room to forget it; then it goes all the same. */
export const RELEASE_TIMEOUT_MS = 10 * SECOND_MS

/** Tokens in the owner's inbox (reference PDS: 15 minutes), and wrong ones after which a token is worth nothing: it has 50 bits, a typo is likely, ten are not. */
export const INBOX_TOKEN_TTL_MS = 15 * MINUTE_MS
export const MAX_TOKEN_GUESSES = 10
/** Tokens asked for, of each purpose (the reference PDS's figures for password resets): each may be a mail, and takes the place of the one before. */
export const INBOX_LIMITS = [
  { windowMs: HOUR_MS, times: 15 },
  { windowMs: DAY_MS, times: 50 },
] as const

/** Own posts shown in the answer of an AppView that has not seen them yet: more than anyone writes in the seconds that it usually lags. */
export const MAX_LOCAL_RECORDS = 50
/** Events looked through for them, newest first: likes and follows stand between the posts. */
export const MAX_LOCAL_EVENTS = 200

/** Whoever has a recovery file may try passphrases for as long as they like, without any lock: longer than a password that only a lock protects. */
export const MIN_PASSPHRASE_LENGTH = 12
export const MAX_PASSPHRASE_LENGTH = 1024
/** What a recovery file may ask for: a changed file must not keep the worker busy for hours (600,000 rounds take a quarter of a second). */
export const MAX_RECOVERY_ROUNDS = 20_000_000
/** Preferences are the largest thing in a recovery file; they come in one JSON body at a time. */
export const MAX_RECOVERY_FILE_CHARS = 16 * MIB
/** The room answers from storage; a blob that only the tab has takes the tunnel (REQUEST_DEADLINE_MS). */
export const MIRROR_DEADLINE_MS = 30 * SECOND_MS
/** Blobs fetched or asked for at the same time: browsers open six connections to one host. */
export const MIRROR_PARALLEL_BLOBS = 6
/** How long a new recovery file waits for the room to learn its key: a join takes a tenth of a second, a directory that it asks some more. */
export const RECOVERY_JOIN_TIMEOUT_MS = 15 * SECOND_MS
/** Pause between two looks at whether it has. */
export const RECOVERY_JOIN_POLL_MS = 250

/** All blobs of an account together: a tenth of what browsers give one site on a small laptop, and some 10,000 photos. */
export const BLOB_QUOTA_BYTES = 10 * 1024 * MIB

/** A repo that is imported: what an egress may bring of it (MAX_EGRESS_RESPONSE_BYTES); the largest known accounts have some 400 MB. */
export const MAX_IMPORT_BYTES = 512 * MIB
/** Its blocks: an entry of the index takes some 120 bytes of memory, and a million records are 1.3 million blocks. */
export const MAX_IMPORT_BLOCKS = 1_500_000
/** A CAR's header names one root: 60 bytes, or a few hundred where someone names more. */
export const MAX_CAR_HEADER_BYTES = 4 * KIB
/** Blocks of an import are staged in rows of this size, and so much of them stays in memory, so that a repo of some 20,000 records is never written twice. */
export const STAGED_PACK_BYTES = 512 * KIB
export const STAGED_MEMORY_BYTES = 8 * MIB
/** What is sorted, checked and landed at a time of an import. */
export const IMPORT_BATCH_BYTES = 2 * MIB
/**
 * Imported records share rows of at most this size and number: a row more costs 0.05 ms, but a change of one record rewrites its row. Chromium moves values
 * above 64 KiB out into files, which makes them slow to read.
 */
export const RECORD_PACK_BYTES = 32 * KIB
export const RECORD_PACK_RECORDS = 64
/** New records of one commit that share rows from this number on: a row costs 0.05 ms, and packs a few requests more. */
export const MIN_PACKED_RECORDS = 16
/** Nodes of an imported tree share rows of this size. */
export const NODE_PACK_BYTES = 48 * KIB
/** An imported rev may lie this far ahead of the clock, because clocks are wrong; later ones are made greater still. */
export const MAX_IMPORT_REV_AHEAD_MS = 24 * HOUR_MS

/** RFC 5321: 64 before the @, 255 after it. */
export const MAX_EMAIL_CHARS = 320
/** A mail server that takes longer is not waited for; the owner has the token in the app. */
export const MAIL_DEADLINE_MS = 1 * MINUTE_MS
/** How long a connection that is to be made anew waits for what it still answers; the room sends the rest again (REJOIN_GRACE_MS). */
export const DRAIN_DEADLINE_MS = 5 * SECOND_MS

/** Mirrored blobs of one room: a Durable Object holds 10 GB, of which the repo and the firehose need their share. */
export const BLOB_BUDGET_BYTES = 4_000_000_000
/** How exactly the room knows when a blob was last asked for: a picture that everybody looks at costs two writes in so long. */
export const BLOB_USE_GRAIN_MS = 6 * HOUR_MS

/** Mails of one room: an owner asks for a code a few times a day, and no more than these can be sent to a stranger through the operator's server. */
export const MAX_MAILS_PER_WINDOW = 20
export const MAIL_WINDOW_MS = 1 * HOUR_MS
/** One mail, from the connection to the server's word that it has it. */
export const SMTP_DEADLINE_MS = 30 * SECOND_MS
/** A reply's lines are 512 bytes at most (RFC 5321), and no server offers a hundred things. */
export const MAX_SMTP_REPLY_BYTES = 64 * KIB

/** The pod's log: rows of at most this size (Chromium moves values above 64 KiB out into files) and number, and so many rows of them: some 10,000 entries, or 3 MB. */
export const LOG_PAGE_ENTRIES = 100
export const LOG_PAGE_BYTES = 32 * KIB
export const MAX_LOG_PAGES = 100
/** What a killed worker may forget of it. Errors are written at once, and so is a batch of this size. */
export const LOG_WRITE_DELAY_MS = 1 * SECOND_MS
export const LOG_BATCH_ENTRIES = 500
/** Entries that wait in memory while the store does not take any: older ones go. */
export const MAX_LOG_WAITING = 2_000
/** One path, one message, one stack. Names of methods have at most 317 characters, stacks some twenty lines. */
export const MAX_LOG_PATH_CHARS = 400
export const MAX_LOG_MESSAGE_CHARS = 500
export const MAX_LOG_STACK_CHARS = 4_000
/** Entries handed to a page at a time. */
export const MAX_LOG_READ = 500
/** How long the log is kept by default: long enough to look into what somebody noticed at the weekend. */
export const LOG_RETENTION_MS = 14 * DAY_MS

/** What the owner may set. Access tokens: a client that refreshes more often than once a minute does nothing else; after a day they would outlive what they are for. */
export const ACCESS_TTL_BOUNDS_MS = [MINUTE_MS, DAY_MS] as const
export const REFRESH_TTL_BOUNDS_MS = [HOUR_MS, 400 * DAY_MS] as const
/** Blobs: smaller than this is no picture; larger ones the room refuses (MAX_BLOB_BYTES). All together: the browser's own limit comes first. */
export const MIN_BLOB_LIMIT_BYTES = 1_000
export const BLOB_QUOTA_BOUNDS_BYTES = [1_000_000, 1_000_000_000_000] as const
export const LOG_RETENTION_BOUNDS_MS = [HOUR_MS, 400 * DAY_MS] as const
/** Origins and kinds of files that the owner lists by hand. */
export const MAX_LISTED = 50

/** The owner has the network told again who this is: relays and AppViews look the identity up each time. */
export const ANNOUNCE_LIMITS = [{ windowMs: MINUTE_MS, times: 1 }] as const

/** One relay is asked to crawl at most this often (the reference PDS's figure). */
export const CRAWL_INTERVAL_MS = 20 * MINUTE_MS
export const CRAWL_DEADLINE_MS = 10 * SECOND_MS

/** CIDs of one `want` or `blobs` frame: 500 of 59 characters are 30 KB, well below a message. */
export const MAX_ASKED_CIDS = 500
/** Relays an operator may name: there are a handful in the network. */
export const MAX_RELAYS = 16
/** How a relay sees this host is asked again when a commit goes out this long after the last look: no more often than it is asked to crawl. */
export const RELAY_LOOK_INTERVAL_MS = 20 * MINUTE_MS
/** What a request to crawl has led to shows after this time: relays connect at once, but write down where they are every few seconds, and try a host that is down for minutes. */
export const RELAY_SETTLE_MS = 3 * MINUTE_MS
/** The owner who opens the page again and again is shown what is known; so much later it is asked anew. */
export const RELAY_OWNER_LOOK_MS = 30 * SECOND_MS
/** Relays write down where they are every few seconds; one that is no later has everything, for all that its status shows. */
export const RELAY_LAG_MS = 30 * SECOND_MS
/** A status is 200 bytes, an error a sentence or two. */
export const MAX_RELAY_ANSWER_BYTES = 16 * KIB

/**
 * A repair of the mirror waits in memory for the one write that lands it: blocks that come, nodes of the old tree that are read beside them, and records that
 * change, each at most this many. A snapshot of that size is 4 MB, and beyond it packs are cheaper than rows.
 */
export const MAX_REPAIR_BLOCKS = 8_192
export const MAX_REPAIR_BYTES = 8 * MIB
/** Revs of its commits that a pod remembers when another repo takes their place: what the log keeps (KEPT_EVENTS), twice over, 26 KB. */
export const MAX_KNOWN_REVS = 2_000

/** An operator token shorter than this could be guessed over the network. */
export const MIN_OPERATOR_TOKEN_CHARS = 16
/** An order is a host name and a sentence. */
export const MAX_ORDER_BYTES = 8 * KIB
/** Rooms that the operator's page is shown at a time. */
export const ROOMS_PER_PAGE = 100
/** While a room writes it tells its size this often at most; comings and goings it tells at once. */
export const REPORT_INTERVAL_MS = 5 * MINUTE_MS
/** What an owner is told of why their tab was sent away: a few sentences. */
export const MAX_KICK_REASON_CHARS = 300
/** The longest time for which a room can be shut to its tab. */
export const MAX_KICK_MS = 400 * DAY_MS
/** How long events that a quota holds back wait before the first of them is offered again: a quota frees itself within hours. */
export const HOLD_RETRY_MS = 1 * MINUTE_MS

/** A permission set is used this long without a newer answer; asked for anew it is every day. @see https://atproto.com/specs/permission#permission-sets */
export const PERMISSION_SET_MAX_AGE_MS = 90 * DAY_MS
/** While its host does not answer, it is asked this often at most. */
export const PERMISSION_SET_RETRY_MS = 5 * MINUTE_MS
/** The proof of one record: a record of a megabyte at most, and some nodes of the tree. */
export const MAX_RECORD_PROOF_BYTES = 2 * MIB
