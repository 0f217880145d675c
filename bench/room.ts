/** What a room costs while nobody asks for it, and how soon it answers when somebody does: on both runtimes. */
import { get } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostPod } from '../scripts/pod.ts'
import { residentBytes } from '../scripts/processes.ts'
import { startShim } from '../scripts/shim.ts'
import { RUNTIMES, type Runtime } from '../scripts/runtimes.ts'
import { signIn } from './client.ts'
import { median, timed } from './statistics.ts'

/** A room that stays awake for a request each: what one holds is a small share of the process. */
const ROOMS = 200
/** The runtimes put a room to sleep 10 to 20 s after the last that happened in it. */
const IDLE_MS = 25_000
const NAPS = 3
const RECORDS = 2_000
const TARGET_COLD_MS = 50

export const reportRoom = async (say: (line: string) => void): Promise<void> => {
  say('\na room that nobody asks for')
  for (const runtime of Object.keys(RUNTIMES) as Runtime[]) {
    const directory = mkdtempSync(join(tmpdir(), 'tabpod-bench-room-'))
    try {
      await reportMemory(runtime, join(directory, 'empty'), say)
      await reportColdRoom(runtime, directory, say)
    } finally {
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
    }
  }
}

const reportMemory = async (runtime: Runtime, persist: string, say: (line: string) => void): Promise<void> => {
  const shim = await startShim({ runtime, persist, variables: { TABPOD_HOSTS: '*' } })
  try {
    const ask = (host: string): Promise<void> => askAs(host, shim.port)
    await ask('first.example')
    const before = residentBytes(shim.group, 'workerd')
    for (let n = 0; n < ROOMS; n += 1) await ask(`room-${n}.example`)
    const after = residentBytes(shim.group, 'workerd')
    if (before === null || after === null) return say(`${runtime}: this system does not tell its processes' memory`)
    say(`${`${runtime}: runtime with one room`.padEnd(44)}${megabytes(before)} MB`)
    say(`${`${runtime}: each room more, of ${ROOMS}`.padEnd(44)}${megabytes((after - before) / ROOMS)} MB`)
  } finally {
    await shim.stop()
  }
}

const reportColdRoom = async (runtime: Runtime, directory: string, say: (line: string) => void): Promise<void> => {
  const password = 'benchmark-password'
  const pod = await hostPod({
    shim: { runtime, persist: join(directory, 'room') },
    browser: { profileDir: join(directory, 'profile'), headless: true },
    handle: 'bench.test',
    password,
  })
  try {
    const { url } = pod.shim
    const client = await signIn({ url, did: pod.did, handle: pod.handle, password })
    for (let at = 0; at < RECORDS; at += 200) {
      const writes = Array.from({ length: 200 }, (_, n) => ({
        $type: 'com.atproto.repo.applyWrites#create',
        collection: 'com.example.cold',
        value: { $type: 'com.example.cold', n: at + n },
      }))
      await client.post('com.atproto.repo.applyWrites', { repo: pod.did, writes })
    }
    const read = `/xrpc/com.atproto.repo.listRecords?repo=${encodeURIComponent(pod.did)}&collection=com.example.cold&limit=1`
    const cold: number[] = []
    for (let nap = 0; nap < NAPS; nap += 1) {
      await sleep(IDLE_MS)
      const askedAt = Date.now()
      const ms = await timed(() => client.get(read))
      const { awakeSince } = JSON.parse((await client.get('/health')).body.toString()) as { awakeSince: string }
      if (Date.parse(awakeSince) >= askedAt) cold.push(ms)
    }
    client.close()
    const name = `${runtime}: first answer of a sleeping room`.padEnd(44)
    if (cold.length === 0) return say(`${name}it never slept`)
    say(`${name}${median(cold).toFixed(1)} ms   ≤ ${TARGET_COLD_MS} ms ${median(cold) <= TARGET_COLD_MS ? 'met' : 'MISSED'}`)
  } finally {
    await pod.stop()
  }
}

/** fetch() names the host by itself. */
const askAs = (host: string, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    get({ port, path: '/health', headers: { host } }, (answer) => answer.resume().on('end', resolve)).on('error', reject)
  })

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)
