/** The claim token that the operator's printed address carries in its fragment (`#claim=…`), which never reaches a server or its logs. */

const KEY = 'tabpod.claim'
const FRAGMENT = /^#(?:.*&)?claim=([^&]*)/

/** The token of a fragment, or null. `%`-escapes are undone; a broken escape counts as it stands. */
export const claimFrom = (hash: string): string | null => {
  const raw = FRAGMENT.exec(hash)?.[1]
  if (!raw) return null
  try {
    return decodeURIComponent(raw)
  } catch {
    return raw
  }
}

interface Address {
  readonly location: { readonly hash: string; readonly pathname: string; readonly search: string }
  readonly history: { replaceState(data: unknown, unused: string, url: string): void }
  readonly storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
}

/** Takes the token out of the address bar, so that it is in no screenshot, bookmark or history, and keeps it for this tab. */
export const takeClaim = ({ location, history, storage }: Address): void => {
  const claim = claimFrom(location.hash)
  if (!claim) return
  storage.setItem(KEY, claim)
  history.replaceState(null, '', location.pathname + location.search)
}

export const keptClaim = (storage: Address['storage']): string | null => storage.getItem(KEY)
export const keepClaim = (storage: Address['storage'], claim: string): void => storage.setItem(KEY, claim)
/** What is wrong with a token as typed, or null. */
export const claimProblem = (claim: string): string | null =>
  claim.trim() === '' ? 'This relay wants its claim token. Open the address that it printed, or paste the part after #claim=.' : null
/** Once the room knows this pod, the token has done its work. */
export const dropClaim = (storage: Address['storage']): void => storage.removeItem(KEY)
