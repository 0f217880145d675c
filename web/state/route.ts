/** Where in the app the person is, by the address's fragment: `#/inbox`. The empty one is home, or the first visit. */
import { signal } from '@preact/signals'

const ROUTES = ['', 'inbox', 'account', 'backup', 'moving', 'health', 'restore', 'move-in'] as const
export type Route = (typeof ROUTES)[number]

/** What is no place of the app leads home. */
export const routeOf = (hash: string): Route => ROUTES.find((known) => hash === `#/${known}`) ?? ''

export const route = signal<Route>(routeOf(globalThis.location?.hash ?? ''))

/** Goes there without a new entry in the browser's history: the place before is no longer one to go back to. */
export const go = (to: Route): void => {
  if (route.value === to) return
  history.replaceState(null, '', to === '' ? location.pathname + location.search : `#/${to}`)
  route.value = to
}

globalThis.addEventListener?.('hashchange', () => {
  route.value = routeOf(location.hash)
  scrollTo(0, 0)
})
