import { startReferencePds } from './fixtures/reference-pds.ts'
import { consentAtReference } from './fixtures/browserless-owner.ts'
import { loopbackId } from './fixtures/loopback-app.ts'
import { RawClient } from './interop/comparison/oauth/client.ts'
import { grantedExchanges } from './interop/comparison/oauth/granted.ts'
const reference = await startReferencePds()
const server = { url: reference.url, issuer: reference.publicUrl }
const consent = consentAtReference(server, reference)
const s = (await (
  await fetch(server.url + '/xrpc/com.atproto.server.createSession', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ identifier: reference.handle, password: reference.password }),
  })
).json()) as any
const t0 = Date.now()
for (const { id, scope, run } of grantedExchanges) {
  try {
    const client = await RawClient.make(server)
    const client_id = loopbackId(scope)
    const p = (await (await client.push({ client_id, scope })).json()) as any
    if (!p.request_uri) {
      console.log('PUSH', id, p)
      continue
    }
    const params = await consent(new URLSearchParams({ client_id, request_uri: p.request_uri }))
    const r = await run({
      client,
      code: params.get('code')!,
      other: await RawClient.make(server),
      did: reference.did,
      legacyToken: s.accessJwt,
    })
    console.log(id.padEnd(40), r.status, (await r.text()).slice(0, 150), r.headers.get('www-authenticate')?.slice(-90) ?? '')
  } catch (e) {
    console.log('THROWN', id, e)
  }
}
console.log(Date.now() - t0)
await reference.stop()
