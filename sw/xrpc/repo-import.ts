/**
 * com.atproto.repo.importRepo and listMissingBlobs: a repo that moves in, and what of its blobs is still to come.
 * @see https://atproto.com/guides/account-migration
 */
import * as importRepo from '../../lexicons/com/atproto/repo/importRepo.ts'
import * as listMissingBlobs from '../../lexicons/com/atproto/repo/listMissingBlobs.ts'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { MAX_IMPORT_BYTES } from '../../wire/limits.ts'
import type { Authenticator } from '../http/auth.ts'
import { wholeLength } from '../http/body.ts'
import { always } from '../http/permissions.ts'
import type { SigningKeys } from '../http/service-token.ts'
import type { Self } from '../identity/self.ts'
import type { Log } from '../operations/log.ts'
import type { BlobService, RepoImporter, RepoReader } from '../repo/contract.ts'
import { type Route, route } from './router.ts'

export const repoImportRoutes = (services: {
  readonly identity: Pick<Self, 'did' | 'standing'>
  readonly authenticator: Authenticator
  readonly repo: RepoImporter & Pick<RepoReader, 'isEmpty'>
  readonly blobs: Pick<BlobService, 'missing'>
  /** Of the published documents, our own included. */
  readonly keys: SigningKeys
  /** did:key of this pod. */
  readonly signingDidKey: string
  readonly log: Pick<Log, 'note'>
}): Route[] => {
  const { identity, authenticator, repo, blobs, log } = services
  return [
    route(
      importRepo.main,
      authenticator.accessFull((may) => may.account('repo', 'manage')),
      async ({ request }) => {
        if (identity.standing === 'active' && !repo.isEmpty())
          throw invalidRequest('The repo is in use: deactivate the account before another takes its place', 'RepoNotEmpty')
        if ((wholeLength(request).length ?? 0) > MAX_IMPORT_BYTES)
          throw new XrpcError(413, 'PayloadTooLarge', `A repo may have at most ${MAX_IMPORT_BYTES} bytes`)
        const signingKey = await keyElsewhere(services)
        // Firefox has no Request.body: https://bugzilla.mozilla.org/show_bug.cgi?id=1387483
        const body = request.body ?? (await request.blob()).stream()
        const { records } = await repo.import(body, signingKey === undefined ? {} : { signingKey })
        log.note('import', `a repo of ${records} records came in`)
        return undefined
      },
    ),
    route(listMissingBlobs.main, authenticator.reading(always), ({ params }) => blobs.missing(params)),
  ]
}

/**
 * The key that the DID's document names, while it is not ours. Once it is, the file may still be from before, and nobody can say any more which key that
 * was; where no document can be had, neither. It is the owner who sends it, and it is signed anew.
 */
const keyElsewhere = async ({ identity, keys, signingDidKey }: Parameters<typeof repoImportRoutes>[0]): Promise<string | undefined> => {
  const key = await keys.signingKey(identity.did, { fresh: true }).catch(() => undefined)
  return key === signingDidKey ? undefined : key
}
