import { afterEach, expect, it, vi } from 'vitest'
import { decodeMessage, encodeFrame } from '../../wire/codec.ts'
import { parseTabFrame, type RoomFrame } from '../../wire/frames.ts'
import type { PipeFromWorker } from '../../wire/owner.ts'
import type { ActivityReport } from './activity.ts'
import { mirrorAt, SmallPod, until } from './testing.ts'
import { Egress } from './egress.ts'
import { Log } from '../operations/log.ts'
import { Mail } from './mail.ts'
import { Uplink } from './uplink.ts'

const silent = { request: () => {}, event: () => {} } as unknown as ActivityReport
const opened: MessagePort[] = []

/** The page's end of a pipe, with the room behind it. */
const connect = (uplink: Uplink, claim?: string) => {
  const { port1, port2 } = new MessageChannel()
  opened.push(port1, port2)
  const heard: string[] = []
  const words: PipeFromWorker[] = []
  port1.onmessage = ({ data }: MessageEvent<PipeFromWorker>) => {
    if (data instanceof ArrayBuffer) heard.push(...Array.from(decodeMessage(new Uint8Array(data), parseTabFrame), ({ head }) => head.t))
    else words.push(data)
  }
  uplink.connect(port2, 'lock-1', claim)
  const say = (head: RoomFrame): void => {
    const { buffer } = encodeFrame(head)
    port1.postMessage(buffer, [buffer])
  }
  const join = async (): Promise<void> => {
    say({ t: 'challenge', host: 'pod.test', nonce: 'n', bound: true, policy: 'open' })
    await until(() => heard.includes('hello'))
    say({ t: 'welcome', mirror: mirrorAt(1), event: 1, services: { appview: null, plc: null, mail: false } })
    await until(() => heard.includes('ready'))
  }
  return { heard, words, say, join }
}

const podWithOneCommit = (): SmallPod => {
  const pod = new SmallPod()
  pod.land()
  return pod
}

afterEach(() => {
  for (const port of opened.splice(0)) port.close()
})

it('names its lock first, and lets a newer pipe replace the older one', async () => {
  const pod = podWithOneCommit()
  const uplink = new Uplink(pod, silent, new Egress(), new Mail(), new Log())
  const first = connect(uplink)
  await first.join()
  expect(first.words[0]).toEqual({ lock: 'lock-1' })
  const second = connect(uplink)
  await second.join()
  pod.land()
  await until(() => second.heard.includes('event'))
  expect(first.heard).not.toContain('event')
})

it('notes many acknowledgements as one', async () => {
  const pod = podWithOneCommit()
  const acknowledge = vi.spyOn(pod.repo, 'acknowledge')
  const room = connect(new Uplink(pod, silent, new Egress(), new Mail(), new Log()))
  await room.join()
  for (let event = 2; event <= 50; event++) {
    pod.land()
    room.say({ t: 'accepted', event, seq: event })
  }
  await vi.waitFor(() => expect(pod.acknowledgedEvent).toBe(50), { timeout: 3000 })
  expect(acknowledge).toHaveBeenCalledTimes(1)
})

it('learns from the welcome what had arrived, where the word of it was lost with an older worker', async () => {
  const pod = podWithOneCommit()
  const room = connect(new Uplink(pod, silent, new Egress(), new Mail(), new Log()))
  await room.join()
  await vi.waitFor(() => expect(pod.acknowledgedEvent).toBe(1), { timeout: 3000 })
  expect(room.heard).not.toContain('event')
})

it('joins anew once after a rejected event, then shows it, and forgives after an accepted one', async () => {
  const uplink = new Uplink(podWithOneCommit(), silent, new Egress(), new Mail(), new Log())
  const rejected: RoomFrame = { t: 'rejected', event: 2, error: 'BadSignature', message: 'no' }
  const attempt = async (...frames: RoomFrame[]): Promise<readonly PipeFromWorker[]> => {
    const room = connect(uplink)
    await room.join()
    for (const frame of frames) room.say(frame)
    await until(() => room.words.some((word) => 'close' in word))
    return room.words.slice(3)
  }
  const shown = [{ link: { state: 'refused', error: 'BadSignature', message: 'no' } }, { close: 'BadSignature' }]
  expect(await attempt(rejected)).toEqual([{ close: 'BadSignature' }])
  expect(await attempt(rejected)).toEqual(shown)
  expect(await attempt({ t: 'accepted', event: 1, seq: 1 }, rejected)).toEqual([{ close: 'BadSignature' }])
})
