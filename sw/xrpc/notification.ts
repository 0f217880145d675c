/** app.bsky.notification.*: the push services that an app signs the account up with. The input names them, not the header. */
import * as registerPush from '../../lexicons/app/bsky/notification/registerPush.ts'
import * as unregisterPush from '../../lexicons/app/bsky/notification/unregisterPush.ts'
import type { Authenticator } from '../http/auth.ts'
import { byContent } from '../http/permissions.ts'
import type { Proxy } from './proxy.ts'
import { type Route, route } from './router.ts'

export const notificationRoutes = (services: {
  readonly authenticator: Authenticator
  readonly proxy: Proxy
  /** `did#service` of the default AppView now; null: none. */
  readonly appview: () => string | null
}): Route[] => {
  const { authenticator, proxy, appview } = services
  /** The default AppView takes them itself, every other service at an address of its own. */
  const serviceOf = (did: string): string => {
    const own = appview()
    return own?.startsWith(`${did}#`) ? own : `${did}#bsky_notif`
  }
  return [
    route(registerPush.main, authenticator.access(byContent), async ({ input, credentials, request }) => {
      credentials.may.rpc(`${input.serviceDid}#bsky_notif`, registerPush.main.nsid)
      const answer = await proxy.send(registerPush.main.nsid, serviceOf(input.serviceDid), request, input)
      await answer.body?.cancel()
      return undefined
    }),
    route(unregisterPush.main, authenticator.access(byContent), async ({ input, credentials, request }) => {
      credentials.may.rpc(`${input.serviceDid}#bsky_notif`, unregisterPush.main.nsid)
      const answer = await proxy.send(unregisterPush.main.nsid, serviceOf(input.serviceDid), request, input)
      await answer.body?.cancel()
      return undefined
    }),
  ]
}
