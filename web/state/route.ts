/** `#/restore`, or nothing: the app has no deep links beyond that. */
import { signal } from '@preact/signals'

export type Route = '' | 'restore'

const routeOf = (hash: string): Route => (hash === '#/restore' ? 'restore' : '')

export const route = signal<Route>(routeOf(location.hash))

addEventListener('hashchange', () => {
  route.value = routeOf(location.hash)
  scrollTo(0, 0)
})
