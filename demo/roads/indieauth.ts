/** Sign-in by an ordinary redirect. @see https://indieauth.spec.indieweb.org/ */
import * as oauth from 'oauth4webapi'
import { clientAt } from '../client.ts'
import { type Pending, remember } from '../state/pending.ts'
import { step, steps } from '../state/trace.ts'
import { confirmWho, learnWho, loadPicture, makeChallenge, readMetadata } from './exchange.ts'
import { pageAddress } from './fedcm.ts'
import { loggedFetch } from './fetch-log.ts'
import { fetchMetadata, findMetadata, type Identity } from './indieauth-client.ts'

/** Leaves this page. */
export const beginIndieAuth = async (me: string, scope: string): Promise<void> => {
  const metadata = await step('Look at the address for its server', async (show) => {
    const value = await findMetadata(me, loggedFetch(show))
    if (value === null) throw new Error(`${me} names no IndieAuth server.`)
    return { outcome: `It names ${value}.`, value }
  })
  const server = await readMetadata(metadata)
  const { verifier, challenge } = await makeChallenge()
  const { siteId, redirectUri } = clientAt(pageAddress())
  const state = oauth.generateRandomState()
  const address = new URL(server.authorization_endpoint)
  const query = {
    response_type: 'code',
    client_id: siteId,
    redirect_uri: redirectUri,
    state,
    code_challenge: challenge,
    code_challenge_method: 'S256',
    me,
    scope,
  }
  for (const [name, value] of Object.entries(query)) if (value !== '') address.searchParams.set(name, value)
  await step('Send the visitor there', async (show) => {
    show(`GET ${address.origin}${address.pathname}`, query)
    return { outcome: 'The owner is asked on their own page; then the browser comes back here.', value: undefined }
  })
  remember({ road: 'indieauth', pod: me, steps: steps.value, state, verifier, me, metadata })
  location.assign(address)
}

export const finishIndieAuth = async (answer: URL, { state = '', verifier = '', metadata = '' }: Pending): Promise<Identity> => {
  const { siteId, redirectUri } = clientAt(pageAddress())
  const client = { client_id: siteId }
  const { server, parameters } = await step('Read what it brought back', async (show) => {
    show('In the address', Object.fromEntries(answer.searchParams))
    const server = await fetchMetadata(metadata)
    // Throws where the server refused, where it is another server than asked, or where the state is not ours.
    const parameters = oauth.validateAuthResponse(server, client, answer, state)
    return { outcome: 'The state is the one that was sent, and the server (iss) the one that was asked.', value: { server, parameters } }
  })
  const identity = await learnWho(server, client, (fetch) =>
    oauth.authorizationCodeGrantRequest(server, client, oauth.None(), parameters, redirectUri, verifier, {
      [oauth.allowInsecureRequests]: metadata.startsWith('http:'),
      [oauth.customFetch]: fetch,
    }),
  )
  await confirmWho(identity, metadata)
  await loadPicture(identity)
  return identity
}
