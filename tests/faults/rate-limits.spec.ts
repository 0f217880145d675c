/** A client that asks too much, through the real shim, as the official client library meets it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AtpAgent, XRPCError } from '@atproto/api'
import { test } from 'playwright/test'
import { answeredByTab, hostPod } from '../../scripts/pod.ts'
import { startShim } from '../../scripts/shim.ts'
import { expect, HANDLE, PASSWORD, POST } from '../fixtures/pod.ts'

/** A twentieth of the usual: 2 sign-ins in 5 minutes, 250 points of writes an hour. */
const VARIABLES = { TABPOD_RATE_LIMITS: '0.05', TABPOD_TRUSTED_PROXY: '1' }
const POINTS = 250
const POINTS_OF_A_POST = 3

/** As a proxy in front of the room would hand it on. */
const agentAt = (url: string, address: string): AtpAgent =>
  new AtpAgent({
    service: url,
    fetch: (input, init) => {
      const request = new Request(input, init)
      request.headers.set('x-forwarded-for', `6.6.6.6, ${address}`)
      return fetch(request)
    },
  })

const refusal = async (call: Promise<unknown>): Promise<XRPCError> => {
  const thrown = await call.then(() => null).catch((cause: unknown) => cause)
  if (!(thrown instanceof XRPCError)) throw new Error('it was not refused', { cause: thrown })
  return thrown
}

const post = (text: string) => ({ $type: POST, text, createdAt: new Date().toISOString() })

test('a client is told what it has left, is refused when that is nothing, and a crash of the shim gives nothing back', async () => {
  const home = mkdtempSync(join(tmpdir(), 'tabpod-limits-'))
  const persist = join(home, 'room')
  const pod = await hostPod({
    shim: { persist, variables: VARIABLES },
    browser: { profileDir: join(home, 'profile'), headless: true },
    handle: HANDLE,
    password: PASSWORD,
  })
  let { shim } = pod
  try {
    const { url } = shim
    const guesser = agentAt(url, '1.2.3.4')
    for (const left of ['1', '0']) {
      const { status, headers } = await refusal(guesser.login({ identifier: HANDLE, password: 'a guess' }))
      expect([status, headers?.['ratelimit-remaining'], headers?.['ratelimit-policy']]).toEqual([401, left, '2;w=300'])
    }
    const refused = await refusal(guesser.login({ identifier: HANDLE, password: PASSWORD }))
    expect([refused.status, refused.error]).toEqual([429, 'RateLimitExceeded'])
    expect(Number(refused.headers?.['retry-after'])).toBeGreaterThan(200)
    expect(Number(refused.headers?.['ratelimit-reset']) * 1000).toBeGreaterThan(Date.now())

    const agent = agentAt(url, '1.2.3.5')
    await agent.login({ identifier: HANDLE, password: PASSWORD })
    const writes = Array.from({ length: 80 }, (_, n) => ({
      $type: `com.atproto.repo.applyWrites#create`,
      collection: POST,
      value: post(`${n}`),
    }))
    await agent.com.atproto.repo.applyWrites({ repo: pod.did, writes: writes as never })
    let written = writes.length
    const writeOne = () => agent.com.atproto.repo.createRecord({ repo: pod.did, collection: POST, record: post('one more') })
    for (; written * POINTS_OF_A_POST < POINTS; written += 1) await writeOne()
    const full = await refusal(writeOne())
    expect([full.status, full.headers?.['ratelimit-policy'], full.headers?.['ratelimit-remaining']]).toEqual([429, '250;w=3600', '0'])
    const { data } = await agent.com.atproto.repo.listRecords({ repo: pod.did, collection: POST, limit: 100 })
    expect(data.records).toHaveLength(written)

    await shim.kill()
    shim = await startShim({ port: shim.port, persist, claimToken: shim.claimToken, variables: VARIABLES })
    await answeredByTab(url)
    expect((await refusal(writeOne())).status).toBe(429)
    expect((await fetch(`${url}/ready`)).status).toBe(200)
  } finally {
    await pod.stop()
    await shim.stop()
    rmSync(home, { recursive: true, force: true })
  }
})
