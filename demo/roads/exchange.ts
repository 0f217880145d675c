/** The steps that FedCM and the redirect have in common: from a code to somebody who is known. */
import * as oauth from 'oauth4webapi'
import { step } from '../state/trace.ts'
import { loggedFetch } from './fetch-log.ts'
import { confirm, fetchMetadata, type Identity, identityIn, type ServerMetadata } from './indieauth-client.ts'

export interface Challenge {
  readonly verifier: string
  readonly challenge: string
}

export const makeChallenge = (): Promise<Challenge> =>
  step('Make a secret, and keep it', async (show) => {
    const verifier = oauth.generateRandomCodeVerifier()
    const challenge = await oauth.calculatePKCECodeChallenge(verifier)
    show('code_verifier, which stays here', verifier)
    show('code_challenge, its SHA-256, which goes out', challenge)
    return {
      outcome: 'Whoever comes back with the answer must be who asked: only this page has the secret.',
      value: { verifier, challenge },
    }
  })

export const readMetadata = (url: string): Promise<ServerMetadata> =>
  step('Ask the server where its doors are', async (show) => {
    const value = await fetchMetadata(url, loggedFetch(show))
    return { outcome: `It calls itself ${value.issuer}, and takes codes at ${new URL(value.token_endpoint).pathname}.`, value }
  })

/** @param exchanged the answer to the code, still to be read */
export const learnWho = async (
  server: ServerMetadata,
  client: oauth.Client,
  request: (fetch: typeof globalThis.fetch) => Promise<Response>,
): Promise<Identity> =>
  step('Trade the code for an identity', async (show) => {
    const answer = await oauth.processGenericTokenEndpointResponse(server, client, await request(loggedFetch(show)))
    const value = identityIn(answer)
    return { outcome: `The server says: this is ${value.me}.`, value }
  })

export const confirmWho = async ({ me }: Identity, metadataUrl: string): Promise<void> =>
  step('Do not believe it yet: ask that address', async (show) => {
    const announced = await confirm(me, metadataUrl, loggedFetch(show))
    return { outcome: `${me} itself names ${announced}. So this server may speak for it.`, value: undefined }
  })

export const loadPicture = async ({ profile: { photo } }: Identity): Promise<void> => {
  if (photo === undefined) return
  await step('Load the picture', async (show) => {
    show('img', photo)
    const image = new Image()
    image.src = photo
    await image.decode().catch(() => {
      throw new Error(`${photo} is no picture that this page may show.`)
    })
    return { outcome: `${image.naturalWidth} × ${image.naturalHeight} px, from the pod itself.`, value: undefined }
  })
}
