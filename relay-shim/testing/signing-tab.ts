/** A SigningPod at the uplink of a real room: its events go out as fast as the room takes them. */
import { encodeEvent, type PodEvent } from '../../wire/event.ts'
import type { RealRoom } from './real-room.ts'
import { connectTab } from './real-tab.ts'
import { SigningPod } from './signing-pod.ts'
import { newKeys } from './tab.ts'

/** The DID of SigningPod is the did:web of this host. */
export const SIGNING_HOST = 'pod.example'
const PART_BYTES = 256 * 1024

export interface SigningTab {
  readonly pod: SigningPod
  /** Resolves with its sequence number, when it is on the firehose. */
  publish(event: PodEvent): Promise<number>
  close(): void
}

export const joinAsSigningPod = async (room: RealRoom, claimToken: string): Promise<SigningTab> => {
  const pod = await SigningPod.create()
  const { tab, socket } = await connectTab(room, SIGNING_HOST, newKeys(pod.keypair.did()))
  await tab.join({ claim: claimToken })
  const waiting = new Map<number, (seq: number) => void>()
  tab.onFrame = (head) => {
    if (head.t !== 'accepted') return
    for (const [event, resolve] of waiting) {
      if (event > head.event) continue
      waiting.delete(event)
      resolve(head.seq)
    }
  }
  let number = 0
  const publish = async (event: PodEvent): Promise<number> => {
    number += 1
    const mine = number
    const body = encodeEvent(event)
    const accepted = new Promise<number>((resolve) => waiting.set(mine, resolve))
    tab.send({ t: 'event', event: mine, size: body.length }, body.subarray(0, PART_BYTES))
    for (let at = PART_BYTES; at < body.length; at += PART_BYTES)
      tab.send({ t: 'event-part', event: mine }, body.subarray(at, at + PART_BYTES))
    return accepted
  }
  await publish(await pod.begin())
  return { pod, publish, close: () => socket.terminate() }
}
