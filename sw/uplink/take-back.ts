/** A pod that lost commits which had reached its room (a power cut, a profile put back from a copy) fetches them from the mirror. */
import { concat } from '../../wire/bytes.ts'
import { XrpcError } from '../../wire/errors.ts'
import { MAX_COMMIT_BLOCKS_BYTES } from '../../wire/limits.ts'
import { blobsMentioned } from '../repo/adopt.ts'
import type { UplinkPod } from './contract.ts'

/**
 * Only for a pod whose own head the room has acknowledged: then what the mirror holds beyond it came after it, and nothing written here is lost. What fits into a
 * row of the log is taken over as one; of more the whole repo comes, as an import does. Blobs come first, so that no record stands without its own.
 * @param event the last event the room has
 * @throws XrpcError 503 `RepoBehindMirror` when it cannot be had, or is not what this pod has signed
 */
export const takeBack = async ({ identity, repo, blobs }: UplinkPod, event: number, fetch: typeof globalThis.fetch): Promise<void> => {
  const request = async (method: string, params: Record<string, string> = {}): Promise<Response> => {
    const query = new URLSearchParams({ did: identity.did, ...params })
    const response = await fetch(`${identity.origin}/xrpc/com.atproto.sync.${method}?${query}`, { cache: 'no-store' })
    if (response.ok) return response
    throw new XrpcError(503, 'RepoBehindMirror', `The mirror holds newer commits, but answered ${response.status} when asked for them.`)
  }
  const getRepo = async (params?: { readonly since: string }): Promise<ReadableStream<Uint8Array>> =>
    (await request('getRepo', params)).body ?? new Blob().stream()
  const since = { since: repo.head().rev }
  const car = await readShort(await getRepo(since))
  try {
    for await (const cid of blobsMentioned(car ? new Blob([car]).stream() : await getRepo(since))) {
      if (await blobs.get(cid)) continue
      const { body, headers } = await request('getBlob', { cid })
      if (body) await blobs.upload(body, { mime: headers.get('content-type') ?? '' })
    }
    if (car) await repo.adopt(car, event)
    else await repo.adoptAll(await getRepo(), event)
  } catch (cause) {
    if (!(cause instanceof XrpcError) || cause.error === 'RepoBehindMirror') throw cause
    throw new XrpcError(503, 'RepoBehindMirror', `The mirror holds newer commits, and they could not be brought back: ${cause.message}`, {
      cause,
    })
  }
}

/** null: more than a row of the log may hold. */
const readShort = async (body: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer> | null> => {
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  let size = 0
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    parts.push(read.value)
    size += read.value.length
    if (size <= MAX_COMMIT_BLOCKS_BYTES) continue
    await reader.cancel()
    return null
  }
  return concat(parts)
}
