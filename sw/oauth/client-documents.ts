/**
 * Fetching what clients publish about themselves, as their specification wants it: an answer of 200, no redirects, and no more than a document.
 * @see https://datatracker.ietf.org/doc/html/draft-ietf-oauth-client-id-metadata-document#section-4.1
 */
import { MAX_OAUTH_DOCUMENT_BYTES, OAUTH_DOCUMENT_DEADLINE_MS } from '../../wire/oauth-limits.ts'
import type { Fetch } from '../identity/handle-resolver.ts'

/** As the core calls it. What it parses is its own; a TypeError's sentence is shown to the client. */
export const fetchDocument =
  (fetch: Fetch): typeof globalThis.fetch =>
  async (input, init) => {
    const { url, headers } = new Request(input, init)
    const response = await fetch(url, { headers, redirect: 'manual', signal: AbortSignal.timeout(OAUTH_DOCUMENT_DEADLINE_MS) }).catch(
      (cause: unknown) => {
        throw new TypeError('it cannot be fetched', { cause })
      },
    )
    if (response.status !== 200) {
      await response.body?.cancel()
      throw new TypeError(response.status >= 300 && response.status < 400 ? 'it must not redirect' : `the answer is ${response.status}`)
    }
    const text = await (await readDocument(response)).text()
    return new Response(withKeysToVerifyBy(text), { headers: response.headers })
  }

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

const readDocument = async (response: Response): Promise<Blob> => {
  const parts: Uint8Array<ArrayBuffer>[] = []
  const reader = response.body?.getReader()
  let size = 0
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
    parts.push(next.value)
    size += next.value.byteLength
    if (size > MAX_OAUTH_DOCUMENT_BYTES) {
      await reader?.cancel()
      throw new TypeError(`it is larger than ${MAX_OAUTH_DOCUMENT_BYTES} bytes`)
    }
  }
  return new Blob(parts)
}
