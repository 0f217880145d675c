/** Sign-in by the browser's own dialog. @see https://w3c-fedid.github.io/FedCM/ @see https://indieweb.org/FedCM_for_IndieAuth */
import * as oauth from 'oauth4webapi'
import { clientAt } from '../client.ts'
import { step } from '../state/trace.ts'
import { confirmWho, learnWho, loadPicture, makeChallenge, readMetadata } from './exchange.ts'
import type { Identity } from './indieauth-client.ts'

/** What the page lets its visitor try. */
export interface FedcmOptions {
  readonly mode: 'active' | 'passive'
  readonly context: 'signin' | 'signup' | 'use' | 'continue'
  readonly mediation: 'optional' | 'required' | 'silent'
  readonly loginHint: string
  readonly scope: string
}

export const USUAL_OPTIONS: FedcmOptions = { mode: 'active', context: 'signin', mediation: 'optional', loginHint: '', scope: 'profile' }

/** Not in TypeScript's library yet. @see https://w3c-fedid.github.io/FedCM/#browser-api-identity-credential-interface */
interface IdentityCredential extends Credential {
  readonly token: unknown
  readonly isAutoSelected?: boolean
  readonly configURL?: string
}
interface IdentityCredentialClass {
  disconnect(options: { readonly configURL: string; readonly clientId: string; readonly accountHint: string }): Promise<void>
}

export const hasFedcm = (): boolean => 'IdentityCredential' in globalThis
export const ANY = 'any'

interface Vouched {
  readonly code: string
  readonly metadata_endpoint: string
}

/** @param configUrl or `any`: a server that the visitor has registered with the browser */
export const signInByFedcm = async (configUrl: string, options: FedcmOptions): Promise<Identity> => {
  const { siteId } = clientAt(pageAddress())
  const { verifier, challenge } = await makeChallenge()
  const { code, metadata_endpoint: metadataUrl } = await askBrowser(configUrl, siteId, challenge, options)
  const server = await readMetadata(metadataUrl)
  const client = { client_id: siteId }
  const identity = await learnWho(server, client, (fetch) =>
    oauth.genericTokenEndpointRequest(
      server,
      client,
      oauth.None(),
      'authorization_code',
      { code, code_verifier: verifier },
      { [oauth.allowInsecureRequests]: metadataUrl.startsWith('http:'), [oauth.customFetch]: fetch },
    ),
  )
  await confirmWho(identity, metadataUrl)
  await loadPicture(identity)
  return identity
}

const askBrowser = (configUrl: string, clientId: string, challenge: string, options: FedcmOptions): Promise<Vouched> =>
  step('Ask the browser: who is there?', async (show) => {
    const { mode, context, mediation, loginHint, scope } = options
    const provider = {
      configURL: configUrl,
      clientId,
      ...(configUrl === ANY && { type: 'indieauth' }),
      ...(loginHint !== '' && { loginHint }),
      fields: ['name', 'picture'],
      params: { code_challenge: challenge, code_challenge_method: 'S256', scope },
    }
    const request = { mediation, identity: { mode, context, providers: [provider] } }
    show('navigator.credentials.get()', request)
    const credential = (await navigator.credentials.get(request as CredentialRequestOptions)) as IdentityCredential | null
    if (!credential) throw new Error('The browser knows nobody.')
    show('token', credential.token)
    const how = credential.isAutoSelected ? 'without a question, as the visitor was here before' : 'after the visitor agreed in its dialog'
    return {
      outcome: `The browser fetched this from the server, ${how}. It is worth nothing without the secret.`,
      value: vouchedIn(credential.token),
    }
  })

/** Text, as most servers write it, or an object, as browsers allow it by now. */
const vouchedIn = (token: unknown): Vouched => {
  const said: unknown = typeof token === 'string' ? JSON.parse(token) : token
  const { code, metadata_endpoint: endpoint } = said as Partial<Vouched>
  if (typeof code !== 'string' || typeof endpoint !== 'string')
    throw new Error('The token is none of IndieAuth: it has no code, or no metadata_endpoint.')
  return { code, metadata_endpoint: endpoint }
}

export const disconnect = (configURL: string, accountHint: string): Promise<void> =>
  step('Tell the server to forget this site', async (show) => {
    const request = { configURL, clientId: clientAt(pageAddress()).siteId, accountHint }
    show('IdentityCredential.disconnect()', request)
    await (globalThis as unknown as { IdentityCredential: IdentityCredentialClass }).IdentityCredential.disconnect(request)
    return { outcome: 'Next time the visitor is asked as if for the first time.', value: undefined }
  })

export const pageAddress = (): string => location.origin + location.pathname
