/** What an app waits for at the authorization server. Proofs are signed beforehand, and what the owner does is not counted: neither is the server's. */
import { consentAtPod, consentAtReference } from '../tests/fixtures/browserless-owner.ts'
import { CookieClient } from '../tests/fixtures/cookie-client.ts'
import { CLIENT_ID, RawClient } from '../tests/interop/comparison/oauth/client.ts'
import type { Measure, Subject } from './measures.ts'
import type { Side } from './sides.ts'
import { median, timed } from './statistics.ts'

const PUSHES = 60
const EXCHANGES = 20
const REFRESHES = 40

/** As the server calls itself: `tests/reference/serve.mjs` gives the reference a name of its own. */
const issuerOf = ({ name, url }: Side): string => (name === 'reference' ? 'https://reference.test' : url)

const serverOf = (side: Side) => ({ url: side.url, issuer: issuerOf(side) })

/** Over a socket that stays open, because `fetch` costs more than what is measured here. */
class Wire {
  readonly #http: CookieClient
  readonly #app: RawClient

  constructor(url: string, app: RawClient) {
    this.#http = new CookieClient(url)
    this.#app = app
  }

  /** @returns milliseconds, and the answer. @throws where it is no success: a benchmark of refusals would look very fast */
  async post(
    path: string,
    fields: Readonly<Record<string, string>>,
  ): Promise<{ readonly ms: number; readonly body: Record<string, string> }> {
    const body = new URLSearchParams(fields).toString()
    const dpop = await this.#app.proof('POST', path)
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length), dpop }
    let text = ''
    const ms = await timed(async () => {
      const answer = await this.#http.ask('POST', path, headers, body)
      text = answer.text
      if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${text}`)
    })
    return { ms, body: JSON.parse(text) as Record<string, string> }
  }

  close(): void {
    this.#http.close()
  }
}

/** An app that knows the server's nonce. */
const newApp = async (side: Side): Promise<RawClient> => {
  const app = await RawClient.make(serverOf(side))
  const { ok, status } = await app.push()
  if (!ok) throw new Error(`${side.name} refused a request: ${status}`)
  return app
}

const codeFor = async (
  app: RawClient,
  { side, consent }: Subject & { readonly consent: ReturnType<typeof consentAtPod> },
): Promise<string> => {
  const { request_uri } = (await (await app.push()).json()) as { request_uri: string }
  const code = (await consent(new URLSearchParams({ client_id: CLIENT_ID, request_uri }))).get('code')
  if (code === null) throw new Error(`${side.name} gave no code`)
  return code
}

const withConsent = (subject: Subject) => {
  const { side, client } = subject
  const consentAt = side.name === 'reference' ? consentAtReference : consentAtPod
  return { ...subject, consent: consentAt(serverOf(side), { did: client.did, handle: side.handle, password: side.password }) }
}

const pushes = async ({ side }: Subject): Promise<number> => {
  const app = await newApp(side)
  const wire = new Wire(side.url, app)
  const samples: number[] = []
  for (let n = 0; n < PUSHES; n++) samples.push((await wire.post('/oauth/par', await app.wanted())).ms)
  wire.close()
  return median(samples)
}

const exchanges = async (subject: Subject): Promise<number> => {
  const owner = withConsent(subject)
  const samples: number[] = []
  for (let n = 0; n < EXCHANGES; n++) {
    const app = await newApp(subject.side)
    const wire = new Wire(subject.side.url, app)
    samples.push((await wire.post('/oauth/token', app.exchanged(await codeFor(app, owner)))).ms)
    wire.close()
  }
  return median(samples)
}

const refreshes = async (subject: Subject): Promise<number> => {
  const app = await newApp(subject.side)
  const first = await app.exchange(await codeFor(app, withConsent(subject)))
  let { refresh_token: token } = (await first.json()) as { refresh_token: string }
  const wire = new Wire(subject.side.url, app)
  const samples: number[] = []
  for (let n = 0; n < REFRESHES; n++) {
    const { ms, body } = await wire.post('/oauth/token', { client_id: CLIENT_ID, grant_type: 'refresh_token', refresh_token: token })
    samples.push(ms)
    token = body['refresh_token'] ?? ''
  }
  wire.close()
  return median(samples)
}

export const oauthMeasures: readonly Measure[] = [
  { name: 'OAuth, pushed request p50', unit: 'ms', target: 0.5, run: pushes },
  { name: 'OAuth, token p50', unit: 'ms', target: 0.5, run: exchanges },
  { name: 'OAuth, refresh p50', unit: 'ms', target: 0.5, run: refreshes },
]
