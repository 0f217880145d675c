import { describe, expect, test, vi } from 'vitest'
import { MemoryShim } from '../testing/memory-shim.ts'
import { create, remove, SigningPod } from '../testing/signing-pod.ts'
import { newKeys, type TestTab } from '../testing/tab.ts'

const HOST = 'pod.example'
const DAY_MS = 86_400_000

const open = async (env: Record<string, string>) => {
  const shim = new MemoryShim({ TABPOD_HOSTS: '*', TABPOD_POLICY: 'open', ...env })
  const pod = await SigningPod.create()
  const { tab } = await shim.connect(HOST, await newKeys(pod.identity().signingKey))
  const asked: string[] = []
  tab.onRequest = ({ id, path }) => {
    asked.push(path)
    tab.answer(id, path)
  }
  await tab.join()
  await vi.waitFor(async () => expect(await (await shim.ask(HOST, '/health')).json()).toMatchObject({ online: true }))
  return { shim, pod, tab, asked }
}
const call = async (shim: MemoryShim, method: string) => {
  const { status, headers, ...response } = await shim.ask(HOST, `/xrpc/${method}`, { method: 'POST', body: '{}' }).then(async (answer) => ({
    status: answer.status,
    headers: answer.headers,
    text: await answer.text(),
  }))
  return { status, retryAfter: Number(headers.get('retry-after')), text: response.text }
}
/** @returns the code it was rejected with, or accepted */
const send = (tab: TestTab, [event, body]: [event: number, body: Uint8Array]): Promise<string> =>
  new Promise((resolve) => {
    tab.onFrame = (head) => {
      if (head.t === 'accepted') resolve('accepted')
      if (head.t === 'rejected') resolve(head.error)
    }
    tab.send({ t: 'event', event, size: body.length }, body)
  })

describe('requests', () => {
  test('that are too many for a day are refused, also after the room slept, until the day is over', async () => {
    const { shim, asked } = await open({ TABPOD_QUOTA_REQUESTS_PER_DAY: '3' })
    for (let n = 0; n < 3; n += 1) expect((await call(shim, 'com.example.method')).status).toBe(200)
    shim.evict(HOST)
    const refused = await call(shim, 'com.example.method')
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([429, { error: 'RequestQuotaExceeded' }])
    expect(refused.retryAfter).toBeGreaterThan(3600)
    expect(asked).toHaveLength(3)
    expect((await shim.ask(HOST, '/health')).status).toBe(200)
    shim.port(HOST).clockOffsetMs = DAY_MS
    expect((await call(shim, 'com.example.method')).status).toBe(200)
  })
})

describe('events', () => {
  test('over the quota are held back and taken later, and writes from outside hear it before they reach the tab', async () => {
    const { shim, pod, tab, asked } = await open({ TABPOD_QUOTA_EVENTS_PER_DAY: '2' })
    const events = [await pod.begin(), await pod.write([create('a.b.c', 'k1', {})]), await pod.write([create('a.b.c', 'k2', {})])]
    const [first, second, third] = events.map((each) => pod.next(each)) as [
      [number, Uint8Array],
      [number, Uint8Array],
      [number, Uint8Array],
    ]
    expect([await send(tab, first), await send(tab, second), await send(tab, third)]).toEqual(['accepted', 'accepted', 'OverQuota'])
    const fourth = pod.next(await pod.write([create('a.b.c', 'k3', {})]))
    expect(await send(tab, fourth)).toBe('OverQuota')
    expect(JSON.parse((await call(shim, 'com.atproto.repo.createRecord')).text)).toMatchObject({ error: 'EventQuotaExceeded' })
    expect(asked).toEqual([])
    expect((await call(shim, 'com.example.read')).status).toBe(200)
    shim.port(HOST).clockOffsetMs = DAY_MS
    // What is behind the first that waits would not follow the mirror, however much room there is.
    expect([await send(tab, fourth), await send(tab, third), await send(tab, fourth)]).toEqual(['OverQuota', 'accepted', 'accepted'])
  })
})

describe('storage', () => {
  test('that is full takes nothing more: 507 outside, a held commit inside, and a blob that stays with the tab', async () => {
    const { shim, pod, tab, asked } = await open({ TABPOD_QUOTA_STORAGE_MB: '0.05' })
    expect(await send(tab, pod.next(await pod.begin()))).toBe('accepted')
    expect(await send(tab, pod.next(await pod.write([create('a.b.c', 'big', { text: 'x'.repeat(60_000) })])))).toBe('accepted')
    const refused = await call(shim, 'com.atproto.repo.putRecord')
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([507, { error: 'StorageQuotaExceeded' }])
    expect((await call(shim, 'com.atproto.repo.uploadBlob')).status).toBe(507)
    expect(asked).toEqual([])
    tab.send({ t: 'blob', id: 1, cid: 'bafkreiaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', mime: 'image/png', size: 10 })
    expect(await tab.next('blob-refused')).toMatchObject({ error: 'OverQuota' })
    expect((await call(shim, 'com.atproto.repo.deleteRecord')).status).toBe(200)
    const held = pod.next(await pod.write([create('a.b.c', 'next', {})]))
    expect(await send(tab, held)).toBe('OverQuota')
    shim.port(HOST).storage.usedBytes = async () => 0
    expect(await send(tab, held)).toBe('accepted')
  })

  test('that is full takes a commit that only deletes', async () => {
    const { pod, tab } = await open({ TABPOD_QUOTA_STORAGE_MB: '0.05' })
    expect(await send(tab, pod.next(await pod.begin()))).toBe('accepted')
    expect(await send(tab, pod.next(await pod.write([create('a.b.c', 'big', { text: 'x'.repeat(60_000) })])))).toBe('accepted')
    expect(await send(tab, pod.next(await pod.write([remove('a.b.c', 'big')])))).toBe('accepted')
  })
})
