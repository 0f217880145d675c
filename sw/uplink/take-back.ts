/** A pod that lost commits which had reached its room (a power cut, a profile put back from a copy) fetches them from the mirror. */
import { XrpcError } from '../../wire/errors.ts'
import { blobsMentioned } from '../repo/adopt.ts'
import type { UplinkPod } from './contract.ts'

/**
 * Only for a pod whose own head the room has acknowledged: then what the mirror holds beyond it came after it, and nothing written here is lost.
 * @param event the last event the room has
 * @throws XrpcError 503 `RepoBehindMirror` when it cannot be had, or is not what this pod has signed
 */
export const takeBack = async ({ identity, repo, blobs }: UplinkPod, event: number, fetch: typeof globalThis.fetch): Promise<void> => {
  const ask = async (method: string, params: Record<string, string>): Promise<Response> => {
    const query = new URLSearchParams({ did: identity.did, ...params })
    const response = await fetch(`${identity.origin}/xrpc/com.atproto.sync.${method}?${query}`, { cache: 'no-store' })
    if (response.ok) return response
    throw new XrpcError(503, 'RepoBehindMirror', `The mirror holds newer commits, but answered ${response.status} when asked for them.`)
  }
  const car = new Uint8Array(await (await ask('getRepo', { since: repo.head().rev })).arrayBuffer())
  for (const cid of await blobsMentioned(car)) {
    if (await blobs.get(cid)) continue
    const { body, headers } = await ask('getBlob', { cid })
    if (body) await blobs.upload(body, { mime: headers.get('content-type') ?? '' })
  }
  await repo.adopt(car, event)
}
