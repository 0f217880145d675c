/**
 * Fetching what clients publish about themselves, as their specification wants it: an answer of 200, no redirects, and no more than a document.
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-oauth-client-id-metadata-document#section-4.1
 */
import { MAX_OAUTH_DOCUMENT_BYTES, OAUTH_DOCUMENT_DEADLINE_MS } from '../../wire/oauth-limits.ts'
import type { Fetch } from '../identity/handle-resolver.ts'

/** As the core calls it. What it parses is its own. What is not taken is an answer too: of an error that is thrown here the core would not tell the client why. */
export const fetchDocument =
  (fetch: Fetch): typeof globalThis.fetch =>
  async (input, init) => {
    const { url, headers } = new Request(input, init)
    try {
      const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(OAUTH_DOCUMENT_DEADLINE_MS) })
      if (response.status !== 200) {
        await response.body?.cancel()
        return refusal(response.status >= 300 && response.status < 400 ? 'it must not redirect' : `the answer is ${response.status}`)
      }
      const document = await readDocument(response)
      if (!document) return refusal(`it is larger than ${MAX_OAUTH_DOCUMENT_BYTES} bytes`)
      return new Response(withKeysToVerifyBy(await document.text()), { headers: response.headers })
    } catch {
      return refusal('it cannot be fetched')
    }
  }

const refusal = (why: string): Response => new Response(why, { status: 502 })

/**
 * Official clients publish keys that say they may verify, encrypt and wrap. jose takes that for the usages to import them with, and WebCrypto knows none of the
 * others for such keys.
 */
const withKeysToVerifyBy = (text: string): string => {
  try {
    return JSON.stringify(
      JSON.parse(text, (name, value: unknown) =>
        name === 'key_ops' && Array.isArray(value) && value.includes('verify') ? ['verify'] : value,
      ),
    )
  } catch {
    // What is no JSON the core refuses in words of its own.
    return text
  }
}

/** null: it is too large. */
const readDocument = async (response: Response): Promise<Blob | null> => {
  const parts: Uint8Array<ArrayBuffer>[] = []
  const reader = response.body?.getReader()
  let size = 0
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    parts.push(next.value)
    size += next.value.byteLength
    if (size > MAX_OAUTH_DOCUMENT_BYTES) {
      await reader?.cancel()
      return null
    }
  }
  return new Blob(parts)
}
