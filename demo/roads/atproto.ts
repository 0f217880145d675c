/** Sign-in to an app of the AT Protocol, by the official client for browsers. @see https://atproto.com/specs/oauth */
import { BrowserOAuthClient, type OAuthSession } from '@atproto/oauth-client-browser'
import { clientDocument } from '../client.ts'
import { remember } from '../state/pending.ts'
import { step, steps } from '../state/trace.ts'
import { pageAddress } from './fedcm.ts'
import { loggedFetch } from './fetch-log.ts'
import type { Identity } from './indieauth-client.ts'

type Show = (label: string, value: unknown) => void

/** The client and its sessions fetch for as long as they live: each step listens while it is under way. */
let listen: Show = () => {}

const clientFor = (pod: string): BrowserOAuthClient =>
  new BrowserOAuthClient({
    clientMetadata: clientDocument(pageAddress()),
    responseMode: 'query',
    handleResolver: pod,
    allowHttp: pod.startsWith('http:'),
    fetch: loggedFetch((label, value) => listen(label, value)),
  })

/** Leaves this page. */
export const beginAtproto = async (pod: string): Promise<void> => {
  const url = await step('Find the server, and push the request to it', async (show) => {
    listen = show
    const value = await clientFor(pod).authorize(pod)
    return {
      outcome: 'The whole request went ahead, signed by a key that this page keeps (DPoP). The browser carries only its number.',
      value,
    }
  })
  await step('Send the visitor there', async (show) => {
    show(`GET ${url.origin}${url.pathname}`, Object.fromEntries(url.searchParams))
    return { outcome: 'The owner sees what the app asks for; then the browser comes back here.', value: undefined }
  })
  remember({ road: 'atproto', pod, steps: steps.value })
  location.assign(url)
}

export const finishAtproto = async (answer: URL, pod: string): Promise<Identity> => {
  const session = await step('Trade the code for tokens', async (show) => {
    show('In the address', Object.fromEntries(answer.searchParams))
    listen = show
    const { session } = await clientFor(pod).callback(answer.searchParams)
    return { outcome: `The tokens are for ${session.did}, and work only with this page’s key.`, value: session }
  })
  return askProfile(session, pod)
}

/** What anybody may read; asked with the token all the same, to show a call. */
const askProfile = (session: OAuthSession, pod: string): Promise<Identity> =>
  step('Call the server with them', async (show) => {
    listen = show
    const read = async (path: string): Promise<Record<string, unknown>> => {
      const response = await session.fetchHandler(path)
      const body = (await response.json()) as Record<string, unknown>
      return response.ok ? body : {}
    }
    const { handle } = await read('/xrpc/com.atproto.server.getSession')
    const record = await read(
      `/xrpc/com.atproto.repo.getRecord?${new URLSearchParams({ repo: session.did, collection: 'app.bsky.actor.profile', rkey: 'self' }).toString()}`,
    )
    const { displayName } = (record['value'] ?? {}) as { readonly displayName?: string }
    const name = displayName || (typeof handle === 'string' ? handle : session.did)
    return {
      outcome: typeof handle === 'string' ? `It answers as @${handle}.` : 'It answers.',
      value: { me: session.did, profile: { name, photo: new URL('/avatar', pod).href } },
    }
  })
