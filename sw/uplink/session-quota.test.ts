import { expect, it, vi } from 'vitest'
import { HOLD_RETRY_MS } from '../../wire/limits.ts'
import { mirrorAt, ScriptedRoom, SmallPod } from './testing.ts'

it('keeps what is over a quota, and sends it from the first on when the room takes it again', async () => {
  try {
    const pod = new SmallPod()
    pod.land()
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const sent = () => room.all('event').map(({ head }) => head.event)
    const links = () => room.words.flatMap((word) => ('link' in word ? [word.link] : []))
    for (let event = 2; event <= 4; event += 1) pod.land()
    await vi.waitFor(() => expect(sent()).toHaveLength(3))
    room.say({ t: 'accepted', event: 2, seq: 1 })
    for (const event of [3, 4]) room.say({ t: 'rejected', event, error: 'OverQuota', message: `Full at ${event}.` })
    expect(links().at(-1)).toEqual({ state: 'online', held: 'Full at 3.' })
    pod.land()
    // Each minute the first of them, and no more.
    for (let minute = 1; minute <= 2; minute += 1) {
      await vi.advanceTimersByTimeAsync(HOLD_RETRY_MS)
      await vi.waitFor(() => expect(sent().slice(3)).toEqual(Array.from({ length: minute }, () => 3)))
      if (minute === 1) room.say({ t: 'rejected', event: 3, error: 'OverQuota', message: 'Full.' })
    }
    room.say({ t: 'accepted', event: 3, seq: 2 })
    await vi.waitFor(() => expect(sent()).toEqual([2, 3, 4, 3, 3, 4, 5]))
    expect(links().at(-1)).toEqual({ state: 'online' })
    pod.land()
    await vi.waitFor(() => expect(sent().at(-1)).toBe(6))
    room.session.close()
  } finally {
    vi.useRealTimers()
  }
})
