/** For `@atproto-labs/simple-store-memory`, an LRU cache (10 kB): what the provider keeps lies in IndexedDB (sw/store/oauth-documents.ts). */
export function SimpleStoreMemory(): never {
  throw new TypeError('the provider is given its caches')
}
