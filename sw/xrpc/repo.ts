/**
 * com.atproto.repo.*: the owner's records and blobs. Everyone reads, the owner writes.
 * @see https://atproto.com/specs/repository
 */
import * as applyWrites from '../../lexicons/com/atproto/repo/applyWrites.ts'
import * as createRecord from '../../lexicons/com/atproto/repo/createRecord.ts'
import * as deleteRecord from '../../lexicons/com/atproto/repo/deleteRecord.ts'
import * as describeRepo from '../../lexicons/com/atproto/repo/describeRepo.ts'
import * as getRecord from '../../lexicons/com/atproto/repo/getRecord.ts'
import * as listRecords from '../../lexicons/com/atproto/repo/listRecords.ts'
import * as putRecord from '../../lexicons/com/atproto/repo/putRecord.ts'
import * as uploadBlob from '../../lexicons/com/atproto/repo/uploadBlob.ts'
import { parseCid } from '@atproto/lex'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { MAX_WRITES_PER_COMMIT } from '../../wire/limits.ts'
import { anyone, assertActive, type Authenticator } from '../http/auth.ts'
import { byContent } from '../http/permissions.ts'
import { wholeLength } from '../http/body.ts'
import type { Self } from '../identity/self.ts'
import type { Configuration } from '../operations/configuration.ts'
import type { BlobService, RepoReader, RepoWriter, Write, WriteOptions, WriteOutcome, WriteResult } from '../repo/contract.ts'
import type { Proxy } from './proxy.ts'
import { type Route, route } from './router.ts'

export const repoRoutes = (services: {
  readonly identity: Self
  readonly authenticator: Authenticator
  readonly repo: RepoReader & RepoWriter
  readonly blobs: BlobService
  readonly proxy: Proxy
  readonly configuration: Pick<Configuration, 'settings'>
}): Route[] => {
  const { identity, authenticator, repo, blobs, proxy, configuration } = services
  const isOwn = (actor: string): boolean => actor === identity.did || actor.toLowerCase() === identity.handle
  /** Like an account that is not here, where it is not active. */
  const isShown = (actor: string): boolean => isOwn(actor) && identity.standing === 'active'
  const assertOwn = (actor: string): void => {
    if (!isOwn(actor)) throw new XrpcError(403, 'AccountNotFound', 'Account not found')
    assertActive(identity)
  }
  /** A service that uploads for the account does so with a token of the account. */
  const assertIssuer = (did: string): void => {
    if (did !== identity.did) throw new XrpcError(403, 'AccountNotFound', 'Account not found')
  }

  // Inputs are open objects: of what a client adds to them nothing may reach a write, least of all another `action`.
  return [
    route(createRecord.main, authenticator.access(byContent), async ({ input, credentials, key }) => {
      const { repo: actor, validate, swapCommit, collection, rkey, record } = input
      assertOwn(actor)
      credentials.may.repo('create', collection)
      const write: Write = { action: 'create', collection, record, ...(rkey !== undefined && { rkey }) }
      return toWritten(await repo.write([write], toOptions({ validate, swapCommit, key })))
    }),
    route(putRecord.main, authenticator.access(byContent), async ({ input, credentials, key }) => {
      const { repo: actor, validate, swapCommit, collection, rkey, record, swapRecord } = input
      assertOwn(actor)
      // Which of the two it will be shows only when it is written.
      credentials.may.repo('create', collection)
      credentials.may.repo('update', collection)
      const write: Write = { action: 'put', collection, rkey, record, ...(swapRecord !== undefined && { swapRecord }) }
      return toWritten(await repo.write([write], toOptions({ validate, swapCommit, key })))
    }),
    route(deleteRecord.main, authenticator.access(byContent), async ({ input, credentials, key }) => {
      const { repo: actor, swapCommit, collection, rkey, swapRecord } = input
      assertOwn(actor)
      credentials.may.repo('delete', collection)
      const write: Write = { action: 'delete', collection, rkey, ...(swapRecord !== undefined && { swapRecord }) }
      return toCommit(await repo.write([write], toOptions({ swapCommit, key })))
    }),
    route(applyWrites.main, authenticator.access(byContent), async ({ input, credentials, key }) => {
      const { repo: actor, validate, swapCommit, writes } = input
      assertOwn(actor)
      if (writes.length > MAX_WRITES_PER_COMMIT) throw invalidRequest(`Too many writes. Max: ${MAX_WRITES_PER_COMMIT}`)
      const wanted = writes.map(toWrite)
      for (const { action, collection } of wanted) credentials.may.repo(action, collection)
      const outcome = await repo.write(wanted, toOptions({ validate, swapCommit, key }))
      return { ...toCommit(outcome), results: outcome.results.map(toResult) }
    }),

    route(getRecord.main, anyone, async ({ params, request }) => {
      const { collection, rkey, cid } = params
      const foreign = isShown(params.repo) ? null : await proxy.lookUp(request)
      if (foreign) return foreign
      const record = isShown(params.repo) ? await repo.record(collection, rkey) : null
      if (!record || (cid !== undefined && cid !== record.cid))
        throw invalidRequest(`Could not locate record: at://${params.repo}/${collection}/${rkey}`, 'RecordNotFound')
      return record
    }),
    route(listRecords.main, anyone, async ({ params }) => {
      if (!isShown(params.repo)) throw invalidRequest(`Could not find repo: ${params.repo}`)
      const { repo: _, ...options } = params
      return repo.list({ reverse: false, ...options })
    }),
    route(describeRepo.main, anyone, async ({ params }) => {
      if (!isOwn(params.repo)) throw invalidRequest(`Could not find repo: ${params.repo}`, 'RepoNotFound')
      if (!isShown(params.repo)) throw invalidRequest(`Repo has been deactivated: ${params.repo}`, 'RepoDeactivated')
      const collections = (await repo.collections()).map(({ name }) => name)
      return { handle: identity.handle, did: identity.did, didDoc: { ...identity.document }, collections, handleIsCorrect: true }
    }),

    route(
      uploadBlob.main,
      authenticator.accessOrServiceAuth(uploadBlob.main.nsid, (may, request) => may.blob(typeOf(request))),
      async ({ request, credentials }) => {
        assertIssuer(credentials.did)
        // Firefox has no Request.body, and an empty one is null: https://bugzilla.mozilla.org/show_bug.cgi?id=1387483
        const body = request.body ?? (await request.blob()).stream()
        const { maxBlobBytes: maxBytes, blobTypes } = configuration.settings
        // A picture by its header may be a video by its bytes: what is kept must be granted, too.
        const assertType = (mime: string): void => {
          if ('may' in credentials) credentials.may.blob(mime)
        }
        const blob = await blobs.upload(body, { mime: typeOf(request), maxBytes, types: blobTypes, assertType, ...wholeLength(request) })
        return { blob: { $type: 'blob', ref: parseCid(blob.cid), mimeType: blob.mime, size: blob.size } }
      },
    ),
  ]
}

const typeOf = ({ headers }: Request): string => headers.get('content-type') ?? 'application/octet-stream'

const toOptions = (given: {
  readonly validate?: boolean | undefined
  readonly swapCommit?: string | undefined
  readonly key: string | undefined
}): WriteOptions => ({
  ...(given.validate !== undefined && { validate: given.validate }),
  ...(given.swapCommit !== undefined && { swapCommit: given.swapCommit }),
  ...(given.key !== undefined && { key: given.key }),
})

const toWrite = (write: applyWrites.$InputBody['writes'][number]): Exclude<Write, { action: 'put' }> => {
  const { collection } = write
  switch (write.$type) {
    case 'com.atproto.repo.applyWrites#create':
      return { action: 'create', collection, record: write.value, ...(write.rkey !== undefined && { rkey: write.rkey }) }
    case 'com.atproto.repo.applyWrites#update':
      return { action: 'update', collection, rkey: write.rkey, record: write.value }
    case 'com.atproto.repo.applyWrites#delete':
      return { action: 'delete', collection, rkey: write.rkey }
  }
}

const toResult = (result: WriteResult) => {
  const { action, ...written } = result
  return { $type: `com.atproto.repo.applyWrites#${action}Result`, ...written }
}

const toCommit = ({ commit }: WriteOutcome) => (commit ? { commit } : {})

/** Answer to a create or put. */
const toWritten = (outcome: WriteOutcome) => {
  const [result] = outcome.results
  if (!result || result.action === 'delete') throw new TypeError('a create or put has one written record')
  const { action: _, ...written } = result
  return { ...written, ...toCommit(outcome) }
}
