/** Sends both servers the same requests of apps: of some that nobody let in, and of others that the owner did. */
import { consentAtPod, consentAtReference } from '../../../fixtures/browserless-owner.ts'
import { loopbackId } from '../../../fixtures/loopback-app.ts'
import { compare, type Answer, type Difference, readAnswer } from '../answer.ts'
import type { Account } from '../side.ts'
import { RawClient } from './client.ts'
import { exchanges } from './exchanges.ts'
import { publishedExchanges } from './published.ts'
import { type GrantedExchange, grantedExchanges } from './granted.ts'

export const oauthIds: readonly string[] = [...exchanges, ...publishedExchanges, ...grantedExchanges].map(({ id }) => id)

/** @param accounts at the reference, and ours */
export const compareOAuth = async (accounts: readonly Account[], referenceIssuer: string): Promise<Difference[]> => {
  const [reference, ours] = accounts
  if (!reference || !ours) throw new TypeError('two are compared')
  const sides = [await prepare(reference, referenceIssuer, consentAtReference), await prepare(ours, ours.url, consentAtPod)]
  const differences: Difference[] = []
  const add = async (id: string, ask: (side: PreparedSide) => Promise<Answer>): Promise<void> => {
    const [theirs, mine] = await Promise.all(sides.map(ask))
    if (theirs && mine) differences.push(...compare(id, theirs, mine))
  }
  for (const { id, run } of [...exchanges, ...publishedExchanges])
    await add(id, async ({ server }) => readAnswer(await run(await RawClient.make(server))))
  for (const wanted of grantedExchanges) await add(wanted.id, (side) => inAGrant(wanted, side))
  return differences
}

type PreparedSide = Awaited<ReturnType<typeof prepare>>

const prepare = async (account: Account, issuer: string, consentAt: typeof consentAtPod) => {
  const server = { url: account.url, issuer }
  const response = await fetch(`${account.url}/xrpc/com.atproto.server.createSession`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ identifier: account.handle, password: account.password }),
  })
  const { accessJwt: legacyToken } = (await response.json()) as { accessJwt: string }
  return { server, did: account.did, legacyToken, consent: consentAt(server, account) }
}

const inAGrant = async ({ id, scope, run }: GrantedExchange, { server, did, legacyToken, consent }: PreparedSide): Promise<Answer> => {
  const client = await RawClient.make(server)
  const clientId = loopbackId(scope)
  const pushed = (await (await client.push({ client_id: clientId, scope })).json()) as { request_uri?: string }
  if (pushed.request_uri === undefined) throw new Error(`${id} at ${server.url}: ${JSON.stringify(pushed)}`)
  const code = (await consent(new URLSearchParams({ client_id: clientId, request_uri: pushed.request_uri }))).get('code')
  if (code === null) throw new Error(`${id} at ${server.url}: no code`)
  return readAnswer(await run({ client, code, other: await RawClient.make(server), did, legacyToken }))
}
