/** A lean HTTP client for load: keep-alive sockets of node:http, because fetch() costs more than what is measured here. */
import { Agent, type IncomingHttpHeaders, request as send } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Client {
  readonly did: string
  get(path: string): Promise<Answer>
  post(nsid: string, body: unknown): Promise<Answer>
  /** A procedure whose input is bytes; uploadBlob unless another is named. */
  upload(bytes: Uint8Array, mime: string, nsid?: string): Promise<Answer>
  /** A procedure without input. */
  call(nsid: string): Promise<Answer>
  close(): void
}

export interface Credentials {
  readonly url: string
  readonly did: string
  readonly handle: string
  readonly password: string
}

/** Makes a further account where anyone may, and signs in. */
export const signUp = async (url: string, handle: string): Promise<Client> => {
  const password = 'benchmark-password'
  const body = JSON.stringify({ handle, password, email: `${handle}@mail.example` })
  const answer = await fetch(`${url}/xrpc/com.atproto.server.createAccount`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  })
  if (!answer.ok) throw new Error(`createAccount answered ${answer.status}: ${await answer.text()}`)
  const { did } = (await answer.json()) as { did: string }
  return signIn({ url, did, handle, password })
}

/** Signs in and throws on every answer but 2xx from then on: a benchmark of refusals would look very fast. */
export const signIn = async ({ url, did, handle, password }: Credentials): Promise<Client> => {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 })
  const base = new URL(url)
  let token = ''

  const call = (method: string, path: string, headers: Record<string, string | number>, body?: Uint8Array): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = send(
        {
          agent,
          host: base.hostname,
          port: base.port,
          method,
          path,
          headers: { ...headers, ...(token && { authorization: `Bearer ${token}` }) },
        },
        (incoming) => {
          const chunks: Buffer[] = []
          incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
          incoming.on('error', reject)
          incoming.on('end', () => {
            const answer = { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) }
            if (answer.status >= 200 && answer.status < 300) resolve(answer)
            else reject(new Error(`${method} ${path} answered ${answer.status}: ${answer.body.subarray(0, 300).toString()}`))
          })
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })

  const post = (nsid: string, value: unknown): Promise<Answer> => {
    const body = Buffer.from(JSON.stringify(value))
    return call('POST', `/xrpc/${nsid}`, { 'content-type': 'application/json', 'content-length': body.length }, body)
  }

  const session = await post('com.atproto.server.createSession', { identifier: handle, password })
  token = (JSON.parse(session.body.toString()) as { accessJwt: string }).accessJwt

  return {
    did,
    post,
    get: (path) => call('GET', path, {}),
    upload: (bytes, mime, nsid = 'com.atproto.repo.uploadBlob') =>
      call('POST', `/xrpc/${nsid}`, { 'content-type': mime, 'content-length': bytes.length }, bytes),
    call: (nsid) => call('POST', `/xrpc/${nsid}`, { 'content-length': 0 }),
    close: () => agent.destroy(),
  }
}
