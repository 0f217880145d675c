/** com.atproto.moderation.*: reports go to the moderation service that the client names; this server knows none by itself. */
import * as createReport from '../../lexicons/com/atproto/moderation/createReport.ts'
import { invalidRequest } from '../../wire/errors.ts'
import type { Authenticator } from '../http/auth.ts'
import { byContent } from '../http/permissions.ts'
import type { Proxy } from './proxy.ts'
import { type Route, route } from './router.ts'

export const moderationRoutes = (services: { readonly authenticator: Authenticator; readonly proxy: Proxy }): Route[] => {
  const { authenticator, proxy } = services
  return [
    route(createReport.main, authenticator.access(byContent), async ({ input, credentials, request }) => {
      const service = request.headers.get('atproto-proxy')
      if (service === null)
        throw invalidRequest('No moderation service is configured here: name one in atproto-proxy, as in did:web:…#atproto_labeler')
      credentials.may.rpc(service, createReport.main.nsid)
      return proxy.send(createReport.main.nsid, service, request, input)
    }),
  ]
}
