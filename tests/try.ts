import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hostPod } from '../scripts/pod.ts'
import { startReferencePds } from './fixtures/reference-pds.ts'
import { consentAtPod, consentAtReference } from './fixtures/browserless-owner.ts'
import { loopbackId } from './fixtures/loopback-app.ts'
import { RawClient } from './interop/comparison/oauth/client.ts'
import { grantedExchanges } from './interop/comparison/oauth/granted.ts'
import { readAnswer, compare } from './interop/comparison/answer.ts'
import { rowOf } from './interop/comparison/listed.ts'
const home = mkdtempSync(join(tmpdir(), 'tabpod-try-'))
const account = { handle: 'alice.test', password: 'correct horse battery staple' }
const pod = await hostPod({
  shim: { persist: join(home, 'room'), variables: { TABPOD_APPVIEW: 'did:web:appview.invalid#bsky_appview' } },
  browser: { profileDir: join(home, 'profile'), headless: true },
  ...account,
})
const reference = await startReferencePds()
const sides = [
  { server: { url: reference.url, issuer: reference.publicUrl }, account: reference, consentOf: consentAtReference },
  { server: { url: pod.shim.url, issuer: pod.shim.url }, account: { ...account, did: pod.did }, consentOf: consentAtPod },
]
const ready = await Promise.all(
  sides.map(async ({ server, account, consentOf }) => {
    const s = (await (
      await fetch(server.url + '/xrpc/com.atproto.server.createSession', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ identifier: account.handle, password: account.password }),
      })
    ).json()) as any
    return { server, account, consent: consentOf(server, account), legacyToken: s.accessJwt as string }
  }),
)
const t0 = Date.now()
for (const { id, scope, run } of grantedExchanges.filter((e) => new RegExp(process.env.G ?? ".").test(e.id))) {
  const answers = await Promise.all(
    ready.map(async ({ server, account, consent, legacyToken }) => {
      try {
        const client = await RawClient.make(server)
        const client_id = loopbackId(scope)
        const p = (await (await client.push({ client_id, scope })).json()) as any
        if (!p.request_uri) throw new Error(JSON.stringify(p))
        const params = await consent(new URLSearchParams({ client_id, request_uri: p.request_uri }))
        return await readAnswer(
          await run({ client, code: params.get('code')!, other: await RawClient.make(server), did: account.did, legacyToken }),
        )
      } catch (e) {
        console.log('THROWN', id, server.url, String(e).slice(0, 600))
        return null
      }
    }),
  )
  if (answers[0] && answers[1])
    for (const d of compare(id, answers[0], answers[1]))
      console.log(rowOf(d), d.aspect === 'outcome' ? JSON.stringify([answers[0].json, answers[1].json]).slice(0, 300) : '')
  if (process.env.V)
    console.log(
      id,
      answers.map((a) => a?.status + ' ' + JSON.stringify(a?.json)?.slice(0, 300)),
    )
}
console.log(Date.now() - t0)
await reference.stop()
await pod.stop()
rmSync(home, { recursive: true, force: true })
