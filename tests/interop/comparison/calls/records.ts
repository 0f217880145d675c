/** Writing records, well and badly, and reading them. */
import { type Call, procedure, query } from '../call.ts'
import type { Side } from '../side.ts'
import { NO_BLOB, NO_CID, NOBODY, POST, post, PROFILE, repo } from './values.ts'

const CREATE = 'com.atproto.repo.createRecord'
const PUT = 'com.atproto.repo.putRecord'
const DELETE = 'com.atproto.repo.deleteRecord'
const APPLY = 'com.atproto.repo.applyWrites'
const NOTE = 'com.example.note'

const create = (id: string, record: unknown, more: object | ((side: Side) => object) = {}, keep: Record<string, string> = {}): Call =>
  procedure(
    `createRecord${id}`,
    CREATE,
    (side) => ({ ...repo(side), collection: POST, record, ...(typeof more === 'function' ? more(side) : more) }),
    { keep },
  )
const put = (id: string, more: object | ((side: Side) => object), keep: Record<string, string> = {}): Call =>
  procedure(
    `putRecord${id}`,
    PUT,
    (side) => ({
      ...repo(side),
      collection: PROFILE,
      rkey: 'self',
      record: { $type: PROFILE, displayName: 'Alice' },
      ...(typeof more === 'function' ? more(side) : more),
    }),
    { keep },
  )
const remove = (id: string, more: object | ((side: Side) => object)): Call =>
  procedure(`deleteRecord${id}`, DELETE, (side) => ({
    ...repo(side),
    collection: NOTE,
    rkey: 'one',
    ...(typeof more === 'function' ? more(side) : more),
  }))
const apply = (id: string, writes: unknown, more: object | ((side: Side) => object) = {}): Call =>
  procedure(`applyWrites${id}`, APPLY, (side) => ({ ...repo(side), writes, ...(typeof more === 'function' ? more(side) : more) }))
const write = (action: string, rkey: string | undefined, value?: object, collection = NOTE) => ({
  $type: `com.atproto.repo.applyWrites#${action}`,
  collection,
  ...(rkey !== undefined && { rkey }),
  ...(value && { value }),
})

export const creates: readonly Call[] = [
  create('', post('one'), {}, { uri: 'uri', cid: 'cid', commit: 'commit.cid' }),
  create('-without-type', { text: 'two', createdAt: '2026-05-01T12:00:00.000Z' }),
  create('-other-type', { $type: PROFILE }),
  create('-missing-field', { $type: POST, text: 'x' }),
  create('-wrong-type-of-field', post('x', { text: 1 })),
  create('-too-long', post('x'.repeat(5000))),
  create('-float', post('x', { a: 1.5 })),
  create('-legacy-blob', post('x', { a: { cid: NO_BLOB, mimeType: 'image/png' } })),
  create(
    '-unknown-blob',
    post('x', {
      embed: {
        $type: 'app.bsky.embed.images',
        images: [{ alt: '', image: { $type: 'blob', ref: { $link: NO_BLOB }, mimeType: 'image/png', size: 4 } }],
      },
    }),
  ),
  create('-bad-link', post('x', { a: { $link: 'no cid' } })),
  create('-bad-bytes', post('x', { a: { $bytes: 1 } })),
  create('-array', []),
  create('-text', 'x'),
  create('-null', null),
  create('-unknown-lexicon', { text: 'note' }, { collection: NOTE, rkey: 'one' }),
  create('-unknown-lexicon-validated', { $type: NOTE }, { collection: NOTE, validate: true }),
  create('-not-validated', { $type: POST, anything: true }, { validate: false }),
  create('-validated', post('three'), { validate: true }),
  create('-key-that-exists', { $type: NOTE }, { collection: NOTE, rkey: 'one' }),
  create('-key-no-tid', post('x'), { rkey: 'no-tid' }),
  create('-key-dots', { $type: NOTE }, { collection: NOTE, rkey: '..' }),
  create('-key-slash', { $type: NOTE }, { collection: NOTE, rkey: 'a/b' }),
  create('-key-too-long', { $type: NOTE }, { collection: NOTE, rkey: 'a'.repeat(513) }),
  create('-profile-key', { $type: PROFILE }, { collection: PROFILE, rkey: 'other' }),
  create('-bad-collection', { $type: 'nonsense' }, { collection: 'nonsense' }),
  create('-too-large', { $type: NOTE, text: 'x'.repeat(120_000) }, { collection: NOTE }),
  create('-swapCommit-stale', post('x'), { swapCommit: NO_CID }),
  create('-swapCommit-no-cid', post('x'), { swapCommit: 'no cid' }),
  create('-other-repo', post('x'), { repo: NOBODY }),
  create('-by-handle', post('four'), ({ account }) => ({ repo: account.handle })),
  create('-bad-repo', post('x'), { repo: 'no repo' }),
  procedure('createRecord-without-token', CREATE, (side) => ({ ...repo(side), collection: POST, record: post('x') }), { as: 'nobody' }),
  procedure('createRecord-app-password', CREATE, (side) => ({ ...repo(side), collection: POST, record: post('five') }), {
    as: 'privileged',
  }),
  procedure('createRecord-without-repo', CREATE, { collection: POST, record: post('x') }),
  procedure('createRecord-without-record', CREATE, (side) => ({ ...repo(side), collection: POST })),
]

export const changes: readonly Call[] = [
  put('', {}, { profile: 'cid' }),
  put('-same', {}),
  put('-update', { record: { $type: PROFILE, displayName: 'Bob' } }),
  put('-swapRecord', (side) => ({ swapRecord: side.kept('profile') })),
  put('-swapRecord-null', { swapRecord: null }),
  put('-swapRecord-no-cid', { swapRecord: 'no cid' }),
  put('-swapCommit-stale', { swapCommit: NO_CID }),
  put('-swapRecord-null-new', { collection: NOTE, rkey: 'fresh', record: { a: 1 }, swapRecord: null }),
  put('-swapRecord-where-nothing-is', { collection: NOTE, rkey: 'nothing', record: { a: 1 }, swapRecord: NO_CID }),
  put('-without-key', { rkey: undefined }),
  put('-invalid', { record: { $type: PROFILE, displayName: 1 } }),
  remove('', {}),
  remove('-nothing-there', { rkey: 'never' }),
  remove('-swapRecord-stale', { rkey: 'fresh', swapRecord: NO_CID }),
  remove('-swapCommit-stale', { rkey: 'fresh', swapCommit: NO_CID }),
  remove('-bad-key', { rkey: 'a/b' }),
  procedure('deleteRecord-without-token', DELETE, (side) => ({ ...repo(side), collection: NOTE, rkey: 'x' }), { as: 'nobody' }),
  apply('', [
    write('create', 'a', { $type: NOTE }),
    write('create', undefined, post('six'), POST),
    write('update', 'fresh', { $type: NOTE, b: 2 }),
  ]),
  apply('-update-and-delete', [write('update', 'a', { $type: NOTE, a: 2 }), write('delete', 'fresh')]),
  apply('-none', []),
  apply(
    '-201',
    Array.from({ length: 201 }, () => write('delete', 'a')),
  ),
  apply('-unknown-action', [{ ...write('create', 'z', { $type: NOTE }), $type: 'com.atproto.repo.applyWrites#move' }]),
  apply('-without-type', [{ action: 'create', collection: NOTE, value: { $type: NOTE } }]),
  apply('-update-nothing', [write('update', 'never', { $type: NOTE })]),
  apply('-delete-nothing', [write('delete', 'never')]),
  apply('-create-existing', [write('create', 'a', { $type: NOTE })]),
  apply('-one-invalid', [write('create', 'q', { $type: NOTE }), write('create', undefined, { $type: POST }, POST)]),
  apply('-stale', [write('create', 'q', { $type: NOTE })], { swapCommit: NO_CID }),
  apply('-other-repo', [], { repo: NOBODY }),
  apply('-no-array', 'x'),
]

const GET = 'com.atproto.repo.getRecord'
const LIST = 'com.atproto.repo.listRecords'
const DESCRIBE = 'com.atproto.repo.describeRepo'
const own = (more: Record<string, string>) => (side: Side) => ({ ...repo(side), ...more })
const profile = { collection: PROFILE, rkey: 'self' }

export const reads: readonly Call[] = [
  query('getRecord', GET, own(profile)),
  query('getRecord-by-handle', GET, ({ account }) => ({ repo: account.handle, ...profile })),
  query('getRecord-missing', GET, own({ collection: POST, rkey: '3l3qo2vuowo2b' })),
  query('getRecord-cid', GET, (side) => ({
    ...repo(side),
    collection: POST,
    rkey: side.kept('uri').split('/').at(-1) ?? '',
    cid: side.kept('cid'),
  })),
  query('getRecord-other-cid', GET, own({ ...profile, cid: NO_CID })),
  query('getRecord-no-cid', GET, own({ ...profile, cid: 'no cid' })),
  query('getRecord-bad-collection', GET, own({ collection: 'nonsense', rkey: 'self' })),
  query('getRecord-without-rkey', GET, own({ collection: PROFILE })),
  query('getRecord-bad-repo', GET, { repo: 'no repo', ...profile }),
  query('getRecord-other-repo', GET, { repo: NOBODY, ...profile }),
  query('listRecords', LIST, own({ collection: POST })),
  query('listRecords-one', LIST, own({ collection: POST, limit: '1' }), { keep: { cursor: 'cursor' } }),
  query('listRecords-cursor', LIST, (side) => ({ ...repo(side), collection: POST, cursor: side.kept('cursor') })),
  query('listRecords-reverse', LIST, own({ collection: POST, reverse: 'true', limit: '2' })),
  query('listRecords-limit-0', LIST, own({ collection: POST, limit: '0' })),
  query('listRecords-limit-101', LIST, own({ collection: POST, limit: '101' })),
  query('listRecords-limit-words', LIST, own({ collection: POST, limit: 'ten' })),
  query('listRecords-reverse-words', LIST, own({ collection: POST, reverse: 'yes' })),
  query('listRecords-empty-collection', LIST, own({ collection: 'com.example.never' })),
  query('listRecords-bad-collection', LIST, own({ collection: 'nonsense' })),
  query('listRecords-unknown-repo', LIST, { repo: NOBODY, collection: POST }),
  query('listRecords-without-repo', LIST, { collection: POST }),
  query('listRecords-unknown-parameter', LIST, own({ collection: POST, other: 'x' })),
  query('describeRepo', DESCRIBE, repo),
  query('describeRepo-by-handle', DESCRIBE, ({ account }) => ({ repo: account.handle })),
  query('describeRepo-unknown', DESCRIBE, { repo: NOBODY }),
  query('describeRepo-bad', DESCRIBE, { repo: 'no repo' }),
  query('describeRepo-without-repo', DESCRIBE),
]
