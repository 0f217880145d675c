/** The owner's copy of what is in the pod: not through its public door, which a deactivated account keeps shut. */
import type { ExportedBlobs } from '../../wire/owner.ts'
import type { Pod } from '../app.ts'

/** Blobs are handles here: what bounds a page is the message that carries them. */
const EXPORT_PAGE = 500

/** The browser keeps a large one on disk. */
export const exportRepo = ({ repo }: Pick<Pod, 'repo'>): Promise<Blob> =>
  new Response(repo.car(), { headers: { 'content-type': 'application/vnd.ipld.car' } }).blob()

export const exportBlobs = async ({ blobs }: Pick<Pod, 'blobs'>, cursor?: string): Promise<ExportedBlobs> => {
  const { cids, cursor: next } = await blobs.list({ limit: EXPORT_PAGE, ...(cursor !== undefined && { cursor }) })
  const found = await Promise.all(cids.map((cid) => blobs.get(cid)))
  return {
    blobs: found.flatMap((blob) => (blob ? [{ cid: blob.cid, bytes: blob.bytes }] : [])),
    ...(next !== undefined && { cursor: next }),
  }
}
