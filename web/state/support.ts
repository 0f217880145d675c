/** Why a pod cannot live in this browser, as far as it can be known before trying. */

export type Unsupported = 'insecure' | 'no-worker' | 'old-browser'

/** null: a pod can live here. */
export const unsupported = (scope: {
  readonly isSecureContext: boolean
  readonly navigator: object
  readonly indexedDB?: unknown
}): Unsupported | null => {
  if (!scope.isSecureContext) return 'insecure'
  if (!('serviceWorker' in scope.navigator)) return 'no-worker'
  // Web Locks elect the leading tab.
  return 'locks' in scope.navigator && scope.indexedDB ? null : 'old-browser'
}
