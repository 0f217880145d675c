/** For the OAuth provider's `replay-store-redis.js`: replays are remembered in IndexedDB (sw/store/oauth-replays.ts). */
export function ReplayStoreRedis(): never {
  throw new TypeError('no Redis here')
}
