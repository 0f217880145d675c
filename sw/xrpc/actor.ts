/** app.bsky.actor.*, as far as it is the account's own: the preferences of its apps. */
import * as getPreferences from '../../lexicons/app/bsky/actor/getPreferences.ts'
import * as putPreferences from '../../lexicons/app/bsky/actor/putPreferences.ts'
import { type LexValue, lexStringify } from '@atproto/lex'
import { invalidRequest } from '../../wire/errors.ts'
import type { Preference, Preferences } from '../account/preferences.ts'
import type { AccessCredentials, Authenticator } from '../http/auth.ts'
import type { AppRule } from '../http/permissions.ts'
import type { Proxy } from './proxy.ts'
import { type Route, route } from './router.ts'

export const actorRoutes = (services: {
  readonly authenticator: Authenticator
  readonly preferences: Preferences
  readonly proxy: Proxy
}): Route[] => {
  const { authenticator, preferences, proxy } = services
  /** Kept here, but for apps they are one of the AppView's methods, and granted as such. */
  const mayAskFor =
    (nsid: string): AppRule =>
    (may, request) =>
      may.rpc(proxy.audience(request), nsid)
  const routes = [
    route(getPreferences.main, authenticator.reading(mayAskFor(getPreferences.main.nsid)), async ({ credentials }) => {
      const found = await preferences.list(isFull(credentials))
      return new Response(`{"preferences":[${found.map(({ json }) => json).join(',')}]}`, {
        headers: { 'content-type': 'application/json; charset=utf-8' },
      })
    }),
    route(putPreferences.main, authenticator.access(mayAskFor(putPreferences.main.nsid)), async ({ input, credentials }) => {
      await preferences.replace(input.preferences.map(toPreference), isFull(credentials))
      return undefined
    }),
  ]
  // Another AppView may keep preferences of its own.
  return routes.map(({ nsid, run }) => ({
    nsid,
    run: (request, key) => (proxy.goesElsewhere(request) ? proxy.forward(nsid, request) : run(request, key)),
  }))
}

const isFull = ({ scope }: AccessCredentials): boolean => scope === 'com.atproto.access'

const toPreference = (value: { readonly $type?: unknown }): Preference => {
  if (typeof value.$type !== 'string') throw invalidRequest('Preference is missing a $type')
  return { type: value.$type, json: lexStringify(value as LexValue) }
}
