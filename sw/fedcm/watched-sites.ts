/** The sites that know the owner, and who is told when they are others: the browser's dialog treats them differently. */
import type { Sites } from '../indieauth/contract.ts'

export type WatchedSites = Sites & { onChange(listener: () => void): void }

export const watchSites = (sites: Sites): WatchedSites => {
  const listeners = new Set<() => void>()
  const telling = async <T>(work: Promise<T>): Promise<T> => {
    const done = await work
    for (const listener of listeners) listener()
    return done
  }
  return {
    ...sites,
    allow: (grant) => telling(sites.allow(grant)),
    forget: (clientId) => telling(sites.forget(clientId)),
    onChange: (listener) => void listeners.add(listener),
  }
}
