/** What only the runtimes can show of hostile sockets: messages beyond every limit, and a crowd at the door. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { MAX_MESSAGE_BYTES, MAX_UNADMITTED } from '../../wire/limits.ts'
import { connectTab, type RealTab } from '../testing/real-tab.ts'
import { newKeys } from '../testing/tab.ts'
import { CLAIM_TOKEN, RUNTIMES, setStage, type Stage } from './stage.ts'

const MIB = 1024 * 1024

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage(runtime)
  }, 120_000)
  afterAll(() => stage?.stop())

  const expectServed = async (): Promise<void> =>
    expect(await (await fetch(`${stage.room.origin}/xrpc/a.b.c`)).text()).toBe('tab: /xrpc/a.b.c')

  test('a message above the limit ends its connection', async () => {
    const { tab, socket } = await connectTab(stage.room, 'large.example')
    await tab.join({ claim: CLAIM_TOKEN })
    socket.send(new Uint8Array(MAX_MESSAGE_BYTES + 1))
    expect(await tab.next('refused')).toMatchObject({ error: 'BadFrame' })
    await expectServed()
  })

  // PartyKit's runtime drops a message above 1 MiB and closes, or never says a word on that socket again: either way nobody else is held up.
  test('one of 40 MiB is the end of its own connection and of nothing else', async () => {
    const before = await stage.room.residentBytes()
    const { tab, socket } = await connectTab(stage.room, 'huge.example')
    await tab.join({ claim: CLAIM_TOKEN })
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.send(new Uint8Array(40 * MIB))
    await Promise.race([closed, tab.next('refused').catch(() => {}), new Promise((resolve) => setTimeout(resolve, 3000))])
    socket.terminate()
    await expectServed()
    const again = await connectTab(stage.room, 'next.example')
    expect(await again.tab.join({ claim: CLAIM_TOKEN })).toMatchObject({ t: 'welcome' })
    again.socket.terminate()
    const after = await stage.room.residentBytes()
    if (before !== null && after !== null) expect(after - before).toBeLessThan(200 * MIB)
  }, 30_000)

  test('a crowd at the door keeps no tab out: who has stood there longest goes', async () => {
    const keys = newKeys()
    const crowd: RealTab[] = []
    for (let n = 0; n < 2 * MAX_UNADMITTED; n += 1) {
      const stranger = await connectTab(stage.room, 'crowded.example', keys)
      await stranger.tab.next('challenge')
      crowd.push(stranger)
    }
    const honest = await connectTab(stage.room, 'crowded.example')
    expect(await honest.tab.join({ claim: CLAIM_TOKEN })).toMatchObject({ t: 'welcome' })
    expect(await crowd[0]?.tab.next('refused')).toMatchObject({ error: 'TooManyConnections' })
    expect(crowd.at(-1)?.tab.received).toEqual([])
    for (const { socket } of [honest, ...crowd]) socket.terminate()
    await expectServed()
  }, 30_000)
})
