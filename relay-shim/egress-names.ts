/**
 * Whether a name leads to public addresses only, asked over HTTPS before anything is fetched from it. The runtime looks the name up once more and may hear
 * something else: so this keeps out names that are known to lead inside, not whoever answers two questions differently (docs/security.md, "Fetching for the pod").
 * @see https://developers.google.com/speed/public-dns/docs/doh/json
 */
import * as v from 'valibot'
import { DNS_CACHE_MS, DNS_DEADLINE_MS, MAX_CACHED_NAMES, MAX_DNS_ANSWER_BYTES } from '../wire/limits.ts'
import { isPrivateAddress } from './egress-address.ts'
import { Refused } from './refused.ts'
import { shortText } from './short-text.ts'

const answer = v.object({
  Answer: v.optional(v.array(v.object({ type: v.number(), data: v.string() })), []),
})

/** null: the operator chose no resolver. */
export const nameCheckOf = ({ dnsUrl }: { readonly dnsUrl: string | null }): NameCheck | null =>
  dnsUrl === null ? null : new NameCheck(dnsUrl)

/** Types of records. @see https://www.iana.org/assignments/dns-parameters */
const A = 1
const AAAA = 28

export class NameCheck {
  readonly #resolver: string
  readonly #now: () => number
  /** Names that were found right, and until when that is believed: a resolver of the runtime keeps them no shorter. Oldest first. */
  readonly #right = new Map<string, number>()

  /** @param resolver address that answers `?name=…&type=…` with `application/dns-json` */
  constructor(resolver: string, now: () => number = Date.now) {
    this.#resolver = resolver
    this.#now = now
  }

  /**
   * A resolver that does not answer means no: whoever can keep it from answering must not win by it.
   * @throws Refused PrivateAddress | NameNotChecked
   */
  async check(hostname: string): Promise<void> {
    // The URL itself was judged already.
    if (/^[\d.]+$/.test(hostname)) return
    const until = this.#right.get(hostname)
    if (until !== undefined && until > this.#now()) return
    const addresses = (await Promise.all([this.#ask(hostname, A), this.#ask(hostname, AAAA)])).flat()
    if (addresses.length === 0) throw new Refused('NameNotChecked', `${hostname} has no address.`)
    if (addresses.some(isPrivateAddress)) throw new Refused('PrivateAddress', `${hostname} leads to an address that is not public.`)
    this.#right.delete(hostname)
    this.#right.set(hostname, this.#now() + DNS_CACHE_MS)
    const [oldest] = this.#right.keys()
    if (oldest !== undefined && this.#right.size > MAX_CACHED_NAMES) this.#right.delete(oldest)
  }

  async #ask(hostname: string, type: number): Promise<string[]> {
    try {
      const url = new URL(this.#resolver)
      url.searchParams.set('name', hostname)
      url.searchParams.set('type', String(type))
      const response = await fetch(url, {
        headers: { accept: 'application/dns-json' },
        redirect: 'manual',
        signal: AbortSignal.timeout(DNS_DEADLINE_MS),
      })
      if (response.status !== 200) throw new Error(`answered ${response.status}`)
      const { Answer } = v.parse(answer, JSON.parse(await shortText(response, MAX_DNS_ANSWER_BYTES)))
      return Answer.flatMap((record) => (record.type === type ? [record.data] : []))
    } catch (cause) {
      throw new Refused('NameNotChecked', `The resolver that the operator chose could not be asked for ${hostname}.`, { cause })
    }
  }
}
