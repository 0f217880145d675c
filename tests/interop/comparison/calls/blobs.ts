/** Blobs up and down, and repos that come in. */
import { type Call, procedure, query } from '../call.ts'
import type { Side } from '../side.ts'
import { did, NO_BLOB, NOBODY, PNG, POST, post, repo } from './values.ts'

const UPLOAD = 'com.atproto.repo.uploadBlob'
const GET = 'com.atproto.sync.getBlob'
const IMPORT = 'com.atproto.repo.importRepo'
const typed = (type: string) => ({ headers: { 'content-type': type } })
const uploaded = (side: Side) => ({ ...did(side), cid: side.kept('blob') })
const image = (side: Side, more: object = {}) => ({
  $type: 'app.bsky.embed.images',
  images: [{ alt: '', image: { $type: 'blob', ref: { $link: side.kept('blob') }, mimeType: 'image/png', size: PNG.length, ...more } }],
})

export const blobs: readonly Call[] = [
  procedure('uploadBlob', UPLOAD, PNG, { ...typed('image/png'), keep: { blob: 'blob.ref.$link' } }),
  procedure('uploadBlob-again', UPLOAD, PNG, typed('image/png')),
  procedure('uploadBlob-other-type', UPLOAD, Buffer.concat([PNG, PNG]), typed('text/plain')),
  procedure('uploadBlob-without-type', UPLOAD, Buffer.from('bytes of no type')),
  procedure('uploadBlob-empty', UPLOAD, Buffer.from(''), typed('image/png')),
  procedure('uploadBlob-json', UPLOAD, '{"a":1}', typed('application/json')),
  procedure('uploadBlob-without-token', UPLOAD, PNG, { ...typed('image/png'), as: 'nobody' }),
  query('getBlob-unreferenced', GET, uploaded),
  procedure('createRecord-blob-other-size', 'com.atproto.repo.createRecord', (side) => ({
    ...repo(side),
    collection: POST,
    record: post('x', { embed: image(side, { size: 5 }) }),
  })),
  procedure('createRecord-blob-other-type', 'com.atproto.repo.createRecord', (side) => ({
    ...repo(side),
    collection: POST,
    record: post('x', { embed: image(side, { mimeType: 'image/jpeg' }) }),
  })),
  procedure('createRecord-blob', 'com.atproto.repo.createRecord', (side) => ({
    ...repo(side),
    collection: POST,
    record: post('picture', { embed: image(side) }),
  })),
  query('getBlob', GET, uploaded),
  query('getBlob-head', GET, uploaded, { method: 'HEAD' }),
  query('getBlob-range', GET, uploaded, { headers: { range: 'bytes=0-9' } }),
  query('getBlob-range-end', GET, uploaded, { headers: { range: 'bytes=-5' } }),
  query('getBlob-range-outside', GET, uploaded, { headers: { range: 'bytes=9999-' } }),
  query('getBlob-unknown', GET, (side) => ({ ...did(side), cid: NO_BLOB })),
  query('getBlob-no-cid', GET, (side) => ({ ...did(side), cid: 'no cid' })),
  query('getBlob-other-repo', GET, (side) => ({ did: NOBODY, cid: side.kept('blob') })),
  query('getBlob-without-cid', GET, did),
  query('listBlobs', 'com.atproto.sync.listBlobs', did),
  query('listBlobs-one', 'com.atproto.sync.listBlobs', (side) => ({ ...did(side), limit: '1' })),
  query('listBlobs-since', 'com.atproto.sync.listBlobs', (side) => ({ ...did(side), since: '3zzzzzzzzzzzz' })),
  query('listBlobs-limit-0', 'com.atproto.sync.listBlobs', (side) => ({ ...did(side), limit: '0' })),
  query('listBlobs-unknown', 'com.atproto.sync.listBlobs', { did: NOBODY }),
  query('listMissingBlobs', 'com.atproto.repo.listMissingBlobs', {}, { as: 'owner' }),
  query('listMissingBlobs-limit-0', 'com.atproto.repo.listMissingBlobs', { limit: '0' }, { as: 'owner' }),
  query('listMissingBlobs-without-token', 'com.atproto.repo.listMissingBlobs'),
]

/** Of repos that are none: into an account in use, or, with a suffix, into a deactivated one. */
export const imports = (suffix = ''): readonly Call[] => [
  procedure(`importRepo-without-token${suffix}`, IMPORT, Buffer.from('x'), { ...typed('application/vnd.ipld.car'), as: 'nobody' }),
  procedure(`importRepo-app-password${suffix}`, IMPORT, Buffer.from('x'), { ...typed('application/vnd.ipld.car'), as: 'privileged' }),
  procedure(`importRepo-json${suffix}`, IMPORT, { a: 1 }),
  procedure(`importRepo-garbage${suffix}`, IMPORT, Buffer.from('this is no CAR at all'), typed('application/vnd.ipld.car')),
  procedure(`importRepo-empty${suffix}`, IMPORT, Buffer.from(''), typed('application/vnd.ipld.car')),
  procedure(
    `importRepo-header-only${suffix}`,
    IMPORT,
    Buffer.from('11a265726f6f7473806776657273696f6e01', 'hex'),
    typed('application/vnd.ipld.car'),
  ),
]
