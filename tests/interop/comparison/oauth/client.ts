/** An app that can do what no honest one does: it sends what it is told, signed as it is told. One key, one server. */
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'
import { loopbackId, LOOPBACK_REDIRECT } from '../../../fixtures/loopback-app.ts'

export const SCOPE = 'atproto transition:generic'
export const CLIENT_ID = loopbackId(SCOPE)

export interface Server {
  /** Where it is asked. */
  readonly url: string
  /** As it calls itself. */
  readonly issuer: string
}

export type Fields = Readonly<Record<string, string>>

/** What is wrong with a proof. */
export interface ProofFaults {
  readonly claims?: Record<string, unknown>
  readonly header?: Record<string, unknown>
  /** Signed by another key than the one it shows. */
  readonly isForged?: boolean
}

export interface Sent {
  /** null: none. Left out: a right one, again with the server's nonce where it wants one. */
  readonly proof?: string | null
  readonly headers?: Fields
  readonly method?: string
}

type KeyPair = Awaited<ReturnType<typeof generateKeyPair>>

export class RawClient {
  readonly server: Server
  /** 43 characters and more; good for one code. @see https://datatracker.ietf.org/doc/html/rfc7636#section-4.1 */
  readonly verifier = `verifier-${crypto.randomUUID()}`
  /** Of the newest answer. The two roles of a server have nonces of their own. */
  readonly #nonces = { authorization: '', resource: '' }
  readonly #pair: KeyPair
  readonly #jwk: JWK

  private constructor(server: Server, pair: KeyPair, jwk: JWK) {
    this.server = server
    this.#pair = pair
    this.#jwk = jwk
  }

  static async make(server: Server): Promise<RawClient> {
    const pair = await generateKeyPair('ES256', { extractable: true })
    return new RawClient(server, pair, await exportJWK(pair.publicKey))
  }

  thumbprint(): Promise<string> {
    return calculateJwkThumbprint(this.#jwk)
  }

  async proof(htm: string, path: string, { claims = {}, header = {}, isForged = false }: ProofFaults = {}): Promise<string> {
    const nonce = this.#nonces[roleOf(path)]
    const key = isForged ? (await generateKeyPair('ES256')).privateKey : this.#pair.privateKey
    return new SignJWT({
      htm,
      htu: this.server.issuer + path,
      jti: crypto.randomUUID(),
      iat: Math.floor(Date.now() / 1000),
      ...(nonce !== '' && { nonce }),
      ...claims,
    })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'ES256', jwk: this.#jwk, ...header })
      .sign(key)
  }

  /** A form, or any other body as it is. */
  post(path: string, body: Fields | string, sent: Sent = {}): Promise<Response> {
    const text = typeof body === 'string' ? body : new URLSearchParams(body).toString()
    return this.send(
      path,
      { method: 'POST', body: text },
      { 'content-type': 'application/x-www-form-urlencoded', ...sent.headers },
      sent,
      {},
    )
  }

  /** A call of the resource server. */
  async call(path: string, token: string, sent: Sent & { readonly faults?: ProofFaults } = {}): Promise<Response> {
    const ath = await hashOf(token)
    const { claims, ...faults } = sent.faults ?? {}
    return this.send(path, { method: sent.method ?? 'GET' }, { authorization: `DPoP ${token}`, ...sent.headers }, sent, {
      ...faults,
      claims: { ath, ...claims },
    })
  }

  /** A procedure. */
  async callWith(path: string, token: string, body?: string, headers: Fields = {}): Promise<Response> {
    const ath = await hashOf(token)
    const init = { method: 'POST', ...(body !== undefined && { body }) }
    return this.send(path, init, { authorization: `DPoP ${token}`, ...headers }, {}, { claims: { ath } })
  }

  /** @param faults of the proof that is made */
  async send(
    path: string,
    init: RequestInit & { method: string },
    headers: Fields,
    { proof }: Sent,
    faults: ProofFaults,
  ): Promise<Response> {
    const [pathname = path] = path.split('?')
    for (let isRepeated = false; ; isRepeated = true) {
      const dpop = proof === undefined ? await this.proof(init.method, pathname, faults) : proof
      const response = await fetch(this.server.url + path, {
        ...init,
        redirect: 'manual',
        headers: { ...headers, ...(dpop !== null && { dpop }) },
      })
      this.#nonces[roleOf(path)] = response.headers.get('dpop-nonce') ?? this.#nonces[roleOf(path)]
      if (proof !== undefined || isRepeated || !(await wantsNonce(response))) return response
    }
  }

  /** Pushes a request, changed as told; `undefined` leaves a parameter out. */
  async push(changed: Readonly<Record<string, string | undefined>> = {}, sent: Sent = {}): Promise<Response> {
    return this.post('/oauth/par', withoutAbsent({ ...(await this.wanted()), ...changed }), sent)
  }

  /** A request that nothing is wrong with. */
  async wanted(): Promise<Fields> {
    return {
      client_id: CLIENT_ID,
      response_type: 'code',
      redirect_uri: LOOPBACK_REDIRECT,
      scope: SCOPE,
      state: 'a-state',
      code_challenge: await hashOf(this.verifier),
      code_challenge_method: 'S256',
    }
  }

  exchange(code: string, changed: Readonly<Record<string, string | undefined>> = {}, sent: Sent = {}): Promise<Response> {
    return this.post('/oauth/token', withoutAbsent({ ...this.exchanged(code), ...changed }), sent)
  }

  /** What a code is exchanged by. */
  exchanged(code: string): Fields {
    return {
      client_id: CLIENT_ID,
      grant_type: 'authorization_code',
      code,
      redirect_uri: LOOPBACK_REDIRECT,
      code_verifier: this.verifier,
    }
  }

  refresh(token: string, changed: Readonly<Record<string, string | undefined>> = {}, sent: Sent = {}): Promise<Response> {
    const fields = { client_id: CLIENT_ID, grant_type: 'refresh_token', refresh_token: token }
    return this.post('/oauth/token', withoutAbsent({ ...fields, ...changed }), sent)
  }
}

/** SHA-256, as challenges and proofs carry it. */
export const hashOf = async (text: string): Promise<string> =>
  Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toString('base64url')

const withoutAbsent = (fields: Readonly<Record<string, string | undefined>>): Fields =>
  Object.fromEntries(Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined))

const roleOf = (path: string): 'authorization' | 'resource' => (path.startsWith('/oauth/') ? 'authorization' : 'resource')

const wantsNonce = async (response: Response): Promise<boolean> => {
  if (/use_dpop_nonce/.test(response.headers.get('www-authenticate') ?? '')) return true
  if (response.status !== 400) return false
  const body = (await response
    .clone()
    .json()
    .catch(() => null)) as { error?: unknown } | null
  return body?.error === 'use_dpop_nonce'
}
