/** Runs in a dedicated worker of a real Chromium page: the pod without its address, as bare as an owner's own write is. */
import { createPod } from '../sw/app.ts'
import type { Pod } from '../sw/app.ts'
import { makeKeys, openVault } from '../sw/identity/key-vault.ts'
import { Repo } from '../sw/repo/repo.ts'
import type { TimedStep } from '../sw/repo/plan.ts'
import { openStore } from '../sw/store/open.ts'
import type { InTabReport } from './in-tab.ts'
import { measureAppToken } from './in-tab-oauth.ts'
import { median, timed } from './statistics.ts'

const PASSWORD = 'a password for the benchmark'
const WARM_UP = 50
const WRITES = 400

const post = (n: number) => ({
  $type: 'app.bsky.feed.post' as const,
  text: `a post like any other, number ${n}`,
  createdAt: new Date().toISOString(),
})

/** Request in, Response out: what `fetch` of the owner's page costs once it has reached the worker. */
const measureHandler = async (): Promise<number> => {
  const origin = 'http://localhost:1999'
  const pod = await createPod(await openStore(`handler-${crypto.randomUUID()}`), { handle: 'bench.test', password: PASSWORD, origin })
  const { did, accessJwt } = await signIn(pod, origin)
  const samples: number[] = []
  for (let n = 0; n < WARM_UP + WRITES; n++) {
    const request = new Request(`${origin}/xrpc/com.atproto.repo.createRecord`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${accessJwt}` },
      body: JSON.stringify({ repo: did, collection: 'app.bsky.feed.post', record: post(n) }),
    })
    const ms = await timed(async () => {
      const response = await pod.handle(request, { origin: 'local' })
      if (response.status !== 200) throw new Error(await response.text())
      await response.json()
    })
    if (n >= WARM_UP) samples.push(ms)
  }
  await pod.close()
  return median(samples)
}

const signIn = async (pod: Pod, origin: string): Promise<{ did: string; accessJwt: string }> => {
  const request = new Request(`${origin}/xrpc/com.atproto.server.createSession`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ identifier: pod.identity.did, password: PASSWORD }),
  })
  const response = await pod.handle(request, { origin: 'local' })
  if (!response.ok) throw new Error(await response.text())
  return response.json() as Promise<{ did: string; accessJwt: string }>
}

/** The repo service alone, each step by its own clock. */
const measureSteps = async (): Promise<{ total: number; steps: Partial<Record<TimedStep, number>> }> => {
  const store = await openStore(`steps-${crypto.randomUUID()}`)
  const laps = new Map<TimedStep, number[]>()
  const repo = await Repo.create(store, await openVault(await makeKeys()), 'did:web:bench.example', {
    onTiming: (step, ms) => void laps.set(step, [...(laps.get(step) ?? []), ms]),
  })
  const samples: number[] = []
  for (let n = 0; n < WARM_UP + WRITES; n++) {
    if (n === WARM_UP) laps.clear()
    const ms = await timed(() => repo.write([{ action: 'create', collection: 'app.bsky.feed.post', record: post(n) }]))
    if (n >= WARM_UP) samples.push(ms)
  }
  await repo.close()
  return { total: median(samples), steps: Object.fromEntries(Array.from(laps, ([step, values]) => [step, median(values)])) }
}

self.onmessage = async (): Promise<void> => {
  const report: InTabReport = { handler: await measureHandler(), ...(await measureSteps()), appToken: await measureAppToken() }
  self.postMessage(report)
}
