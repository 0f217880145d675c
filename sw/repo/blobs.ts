import type { Store } from '../store/open.ts'
import type { BlobService } from './contract.ts'

export declare const blobService: (store: Store, now?: () => number) => BlobService
