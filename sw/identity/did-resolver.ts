/**
 * DID → document: did:web and did:plc, remembered for a while.
 * @see https://atproto.com/specs/did
 */
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { DID_LOOKUP_DEADLINE_MS, DID_MAX_AGE_MS, DID_STALE_MS, MAX_CACHED_DIDS, MAX_DID_DOCUMENT_BYTES } from '../../wire/limits.ts'
import { isLoopbackHost } from '../../wire/loopback.ts'
import type { Fetch } from './handle-resolver.ts'
import { Remembered } from './remembered.ts'
import { endpointOf, handleOf, parseDocument, type ResolvedDocument, signingKeyOf } from './resolved-document.ts'
import { readShortText } from './short-text.ts'

export interface DidResolverOptions {
  readonly fetch: Fetch
  /** URL of the PLC directory now, with no slash at the end. */
  readonly plc: () => string
  readonly now: () => number
}

export class DidResolver {
  readonly #options: DidResolverOptions
  readonly #known: Remembered<ResolvedDocument>

  constructor(options: DidResolverOptions) {
    this.#options = options
    const lasting = { staleMs: DID_STALE_MS, maxAgeMs: DID_MAX_AGE_MS, maxKeys: MAX_CACHED_DIDS }
    this.#known = new Remembered((did) => this.#lookUp(did), lasting, options.now)
  }

  /**
   * @param options.fresh asks, whatever is remembered
   * @throws XrpcError 400 InvalidRequest (no DID of atproto) | 400 DidNotFound | 400 DidDeactivated | 502 UpstreamFailure: cannot be asked now |
   *   503 UplinkClosed
   */
  async resolve(did: string, options?: { readonly fresh?: boolean }): Promise<ResolvedDocument> {
    const document = await this.#known.get(did, options)
    if (document === null) throw new TypeError('a look-up of a DID ends in a document or an error')
    return document
  }

  /** did:key of `#atproto`, by which the repo is signed. @throws like `resolve`, and XrpcError 400 InvalidRequest where the document names no usable key */
  async signingKey(did: string, options?: { readonly fresh?: boolean }): Promise<string> {
    const didKey = signingKeyOf(await this.resolve(did, options))
    if (didKey === null) throw invalidRequest(`The document of ${did} names no usable key #atproto`)
    return didKey
  }

  /** Origin of the service `did#name`. @throws like `resolve`, and XrpcError 400 InvalidRequest where the document has no such service */
  async endpoint(did: string, name: string, options?: { readonly fresh?: boolean }): Promise<string> {
    const endpoint = endpointOf(await this.resolve(did, options), name)
    if (endpoint === null) throw invalidRequest(`The document of ${did} names no service #${name}`)
    return endpoint
  }

  /** The handle its document claims, which the handle must confirm before anyone believes it; null: none. @throws like `resolve` */
  async handleOf(did: string, options?: { readonly fresh?: boolean }): Promise<string | null> {
    return handleOf(await this.resolve(did, options))
  }

  /** For whoever has just changed its document. */
  forget(did: string): void {
    this.#known.forget(did)
  }

  async #lookUp(did: string): Promise<ResolvedDocument> {
    const { fetch, plc } = this.#options
    const address = documentAddress(did, plc())
    if (address === null) throw invalidRequest(`${did} is neither a did:web nor a did:plc`)
    const signal = AbortSignal.timeout(DID_LOOKUP_DEADLINE_MS)
    try {
      const response = await fetch(address, {
        headers: { accept: 'application/did+ld+json, application/json' },
        redirect: 'error',
        signal,
      })
      if (response.status === 404) throw invalidRequest(`${did} has no document`, 'DidNotFound')
      if (response.status === 410) throw invalidRequest(`${did} was given up`, 'DidDeactivated')
      if (response.status !== 200) throw new TypeError(`${address} answered ${response.status}`)
      const document = parseDocument(await readShortText(response, MAX_DID_DOCUMENT_BYTES))
      if (document.id !== did) throw new TypeError(`${address} holds the document of ${document.id}`)
      return document
    } catch (cause) {
      if (cause instanceof XrpcError && (cause.status === 400 || cause.error === 'UplinkClosed')) throw cause
      throw new XrpcError(502, 'UpstreamFailure', `The document of ${did} could not be had`, { cause })
    }
  }
}

/** Whether it is a DID that atproto knows: a did:plc, or a did:web of a whole host (with a port on loopback hosts only). */
export const isAtprotoDid = (did: string): boolean => documentAddress(did, '') !== null

const documentAddress = (did: string, plc: string): string | null => {
  if (/^did:plc:[a-z2-7]{24}$/.test(did)) return `${plc}/${did}`
  const [, host = '', port] = /^did:web:([a-z0-9.-]+)(?:%3A(\d{1,5}))?$/.exec(did) ?? []
  if (isLoopbackHost(host)) return `http://${host}${port === undefined ? '' : `:${port}`}/.well-known/did.json`
  return port === undefined && /^[^.-][^.]*(\.[^.]+)+$/.test(host) ? `https://${host}/.well-known/did.json` : null
}
