/** When forgotten uploads go. */
import type { BlobService } from './contract.ts'

/** Forgotten uploads go when the next one comes; once in a worker's life, because the sweep walks over all blobs. */
export const sweepOnUpload = (blobs: BlobService, now: () => number): BlobService => {
  let isSwept = false
  return {
    ...blobs,
    upload: async (body, declared) => {
      if (!isSwept) {
        isSwept = true
        await blobs.sweep(now())
      }
      return blobs.upload(body, declared)
    },
  }
}
