/** Requests as a step of the trace shows them: what was asked, what came back. */

import { readJwt } from '../state/readable.ts'

type Show = (label: string, value: unknown) => void

export const loggedFetch =
  (show: Show): typeof globalThis.fetch =>
  async (input, init) => {
    const request = new Request(input, init)
    const { pathname, search, origin } = new URL(request.url)
    const body = init?.body === undefined || init.body === null ? null : await request.clone().text()
    show('Request', [`${request.method} ${pathname}${search}`, origin, ...(body ? ['', ...readable(body)] : [])].join('\n'))
    const proof = request.headers.get('dpop')
    if (proof !== null) show('DPoP proof, signed by this page’s key', readJwt(proof))
    const response = await fetch(request)
    const text = await response.clone().text()
    show(`Answer ${response.status}`, text === '' || /^\s*</.test(text) ? linkOf(response) : parsed(text))
    return response
  }

const readable = (body: string): string[] =>
  body.startsWith('{') ? [body] : [...new URLSearchParams(body)].map(([name, value]) => `${name} = ${value}`)

const linkOf = ({ headers }: Response): string => (headers.has('link') ? `Link: ${headers.get('link')}` : 'a page')

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
