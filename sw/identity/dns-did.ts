/** DIDs in DNS: `did=…` in a TXT record, asked for over HTTPS, because a worker has no other DNS. */
import { isValidDid } from '@atproto/syntax'
import * as v from 'valibot'
import { MAX_HANDLE_ANSWER_BYTES } from '../../wire/limits.ts'
import type { Fetch } from './handle-resolver.ts'
import { readShortText } from './short-text.ts'

/** Google's and Cloudflare's resolvers speak the same JSON and allow cross-origin reads; one is enough. */
const DNS_OVER_HTTPS = 'https://cloudflare-dns.com/dns-query'
const TXT_RECORD = 16
const dnsAnswer = v.object({ Answer: v.optional(v.array(v.object({ type: v.number(), data: v.string() })), []) })

/** null: the name has none, more than one, or none that is valid. @throws where DNS does not answer */
export const didInDns = async (name: string, fetch: Fetch, signal: AbortSignal): Promise<string | null> => {
  const query = new URLSearchParams({ name, type: 'TXT' })
  const response = await fetch(`${DNS_OVER_HTTPS}?${query}`, { headers: { accept: 'application/dns-json' }, signal })
  if (!response.ok) throw new Error(`DNS answered ${response.status}`)
  const { Answer } = v.parse(dnsAnswer, JSON.parse(await readShortText(response, MAX_HANDLE_ANSWER_BYTES)))
  const dids = Answer.filter(({ type }) => type === TXT_RECORD)
    // A TXT record is one or more quoted strings, to be joined.
    .map(({ data }) => data.replaceAll(/"\s+"/g, '').replaceAll('"', ''))
    .filter((text) => text.startsWith('did='))
    .map((text) => text.slice('did='.length).trim())
  const [did] = dids
  return dids.length === 1 && isValidDid(did) ? did : null
}
