import { MST, MemoryBlockstore } from '@atproto/repo'
import { encode } from '@ipld/dag-cbor'
console.log(MST, MemoryBlockstore, encode)
