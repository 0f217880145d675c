/**
 * DID → document, for the services this pod talks to: did:web and did:plc, remembered for a while.
 * @see https://atproto.com/specs/did
 */
import * as v from 'valibot'
import { invalidRequest, XrpcError } from '../../wire/errors.ts'
import { DID_LOOKUP_DEADLINE_MS, DID_MAX_AGE_MS, DID_STALE_MS, MAX_CACHED_DIDS, MAX_DID_DOCUMENT_BYTES } from '../../wire/limits.ts'
import { isLoopbackHost } from '../../wire/loopback.ts'
import type { Fetch } from './handle-resolver.ts'
import { readShortText } from './short-text.ts'

const documentSchema = v.object({
  id: v.string(),
  service: v.optional(v.array(v.object({ id: v.string(), serviceEndpoint: v.unknown() })), []),
})
export type ServiceDocument = v.InferOutput<typeof documentSchema>

export interface DidResolverOptions {
  readonly fetch: Fetch
  /** URL of the PLC directory now, with no slash at the end. */
  readonly plc: () => string
  readonly now: () => number
}

export class DidResolver {
  readonly #options: DidResolverOptions
  readonly #known = new Map<string, { readonly document: ServiceDocument; readonly at: number }>()
  /** Many requests need the same service at once. */
  readonly #asking = new Map<string, Promise<ServiceDocument>>()

  constructor(options: DidResolverOptions) {
    this.#options = options
  }

  /** @throws XrpcError 400 InvalidRequest: no such DID | 502 UpstreamFailure: cannot be asked now | 503 UplinkClosed */
  async resolve(did: string): Promise<ServiceDocument> {
    const known = this.#known.get(did)
    const age = known ? this.#options.now() - known.at : Infinity
    if (!known || age >= DID_MAX_AGE_MS) return this.#ask(did)
    // Good for now; the next one gets the fresh one. A look-up that fails is tried again by whoever comes next.
    if (age >= DID_STALE_MS) this.#ask(did).catch(() => {})
    return known.document
  }

  /** Origin of the service `did#name`. @throws like `resolve`, and XrpcError 400 InvalidRequest where the document has no such service */
  async endpoint(did: string, name: string): Promise<string> {
    const { service } = await this.resolve(did)
    const endpoint = service.find(({ id }) => id === `#${name}` || id === `${did}#${name}`)?.serviceEndpoint
    const url = typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint) : null
    if (url?.protocol !== 'https:' && !(url?.protocol === 'http:' && isLoopbackHost(url.hostname)))
      throw invalidRequest(`The document of ${did} names no service #${name}`)
    return url.origin
  }

  #ask(did: string): Promise<ServiceDocument> {
    const asking = this.#asking.get(did) ?? this.#lookUp(did).finally(() => this.#asking.delete(did))
    this.#asking.set(did, asking)
    return asking
  }

  async #lookUp(did: string): Promise<ServiceDocument> {
    const { fetch, plc, now } = this.#options
    const address = documentAddress(did, plc())
    if (address === null) throw invalidRequest(`${did} is neither a did:web nor a did:plc`)
    const signal = AbortSignal.timeout(DID_LOOKUP_DEADLINE_MS)
    try {
      const response = await fetch(address, {
        headers: { accept: 'application/did+ld+json, application/json' },
        redirect: 'error',
        signal,
      })
      if (response.status === 404 || response.status === 410) throw invalidRequest(`${did} has no document`)
      if (response.status !== 200) throw new TypeError(`${address} answered ${response.status}`)
      const document = v.parse(documentSchema, JSON.parse(await readShortText(response, MAX_DID_DOCUMENT_BYTES)))
      if (document.id !== did) throw new TypeError(`${address} holds the document of ${document.id}`)
      this.#remember(did, document, now())
      return document
    } catch (cause) {
      if (cause instanceof XrpcError && (cause.status === 400 || cause.error === 'UplinkClosed')) throw cause
      throw new XrpcError(502, 'UpstreamFailure', `The document of ${did} could not be had`, { cause })
    }
  }

  #remember(did: string, document: ServiceDocument, at: number): void {
    this.#known.delete(did)
    const [oldest] = this.#known.keys()
    if (oldest !== undefined && this.#known.size >= MAX_CACHED_DIDS) this.#known.delete(oldest)
    this.#known.set(did, { document, at })
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
