import { describe, expect, it } from 'vitest'
import { mirrorAt, quiet, revOf, ScriptedRoom, SmallPod, until } from './testing.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Its log begins after what the mirror has. */
const podAhead = (): SmallPod => {
  const pod = new SmallPod()
  for (let n = 0; n < 9; n++) pod.land({ since: revOf(n) })
  pod.rows.splice(0, 5)
  pod.oldest = 6
  pod.snapshot = new Uint8Array(200_000).fill(7)
  return pod
}

describe('a mirror that no events lead from', () => {
  it('is repaired: the pod names its head, and the mirror’s, and sends what the room asks for', async () => {
    const pod = podAhead()
    const room = new ScriptedRoom(pod)
    const joined = room.join(mirrorAt(3), 3)
    const { id, head, replaces } = (await room.next('repair')).head
    expect([head.rev, replaces]).toEqual([revOf(9), `commit-${revOf(3)}`])
    room.say({ t: 'want', id, cids: ['commit'] })
    room.say({ t: 'want', id, cids: Array.from({ length: 40 }, (_, n) => `-${n}`) })
    await until(() => pod.asked.length === 41)
    await quiet()
    expect(
      room
        .all('body')
        .map(({ payload }) => text(payload))
        .join(''),
    ).toBe(pod.asked.join(''))
    expect([pod.isHeld, room.kinds().includes('ready')]).toEqual([true, false])
    room.say({ t: 'snapshot-stored', head })
    await joined
    expect([pod.isHeld, room.all('event'), room.all('snapshot')]).toEqual([false, [], []])
  })

  it('gets a snapshot when it is too different, or when there is none', async () => {
    for (const mirror of [mirrorAt(3), null]) {
      const pod = podAhead()
      const room = new ScriptedRoom(pod)
      const joined = room.join(mirror, 3)
      if (mirror) {
        await room.next('repair')
        room.say({ t: 'snapshot-refused', error: 'TooDifferent', message: 'a snapshot is cheaper' })
      }
      const { head, replaces } = (await room.next('snapshot')).head
      expect([head.rev, replaces]).toEqual([revOf(9), mirror?.commit])
      await until(() => room.all('body').some(({ head }) => head.end))
      expect(room.all('body').reduce((sum, { payload }) => sum + payload.length, 0)).toBe(200_000)
      expect(room.kinds()).not.toContain('ready')
      room.say({ t: 'snapshot-stored', head })
      await joined
      expect(room.all('event')).toEqual([])
    }
  })

  it('that the room does not give up is shown as a fork, and nothing is written any more', async () => {
    const pod = podAhead()
    const room = new ScriptedRoom(pod)
    room.join(mirrorAt(3), 3).catch(() => {})
    await room.next('repair')
    room.say({ t: 'snapshot-refused', error: 'OutOfSync', message: 'a commit that the tab does not know' })
    await until(() => room.words.some((word) => 'close' in word))
    expect(pod.suspended).toBe('RepoFork')
    expect(room.words.at(-2)).toMatchObject({ link: { state: 'refused', error: 'RepoFork' } })
    expect([room.all('snapshot'), room.all('event')]).toEqual([[], []])
  })

  it('is tried again when the room has slept, was interrupted, or the repo cannot be read now', async () => {
    for (const happens of ['cancel', 'refused', 'unreadable'] as const) {
      const pod = podAhead()
      if (happens === 'unreadable')
        pod.repo.hold = () => ({ head: pod.repo.head(), sections: () => Promise.reject(new Error('moved')), letGo() {} })
      const room = new ScriptedRoom(pod)
      room.join(mirrorAt(3), 3).catch(() => {})
      const { id } = (await room.next('repair')).head
      if (happens === 'cancel') room.say({ t: 'cancel', of: 'repair', id, reason: 'nobody reads this upload' })
      else if (happens === 'refused') room.say({ t: 'snapshot-refused', error: 'Interrupted', message: 'a newer tab' })
      else room.say({ t: 'want', id, cids: ['x'] })
      await until(() => room.words.some((word) => 'close' in word))
      const close = happens === 'refused' ? 'Interrupted' : 'Cancelled'
      expect(room.words.slice(-2)).toMatchObject([{ link: { state: 'offline' } }, { close }])
      expect(pod.suspended).toBeNull()
    }
  })
})

describe('blobs', () => {
  const joined = async (pod: SmallPod, at: number): Promise<ScriptedRoom> => {
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(at), at)
    return room
  }

  it('that an older commit has mentioned are asked about first, and not sent when the room has them', async () => {
    const pod = new SmallPod()
    pod.land()
    pod.store('bafkold', 10, revOf(1))
    pod.store('bafklost', 10, revOf(1))
    const room = await joined(pod, 1)
    pod.land({ blobs: ['bafkold', 'bafklost', 'bafknothere'] })
    const { id, cids } = (await room.next('blobs')).head
    expect(cids).toEqual(['bafkold', 'bafklost'])
    room.say({ t: 'blobs-wanted', id, cids: ['bafklost'] })
    expect((await room.next('blob')).head.cid).toBe('bafklost')
    expect(room.all('event')).toEqual([])
    room.say({ t: 'blob-stored', cid: 'bafklost' })
    await room.next('event')
    expect(room.all('blob')).toHaveLength(1)
    pod.land({ blobs: ['bafklost'] })
    expect((await room.next('event')).head.event).toBe(3)
    expect([room.all('blob').length, room.all('blobs').length]).toEqual([1, 1])
  })

  it('of the outbox are asked about when the pod comes back: they may have come before the commit could', async () => {
    const pod = new SmallPod()
    pod.land()
    pod.store('bafkblob', 10, revOf(2))
    pod.land({ blobs: ['bafkblob'] })
    const room = new ScriptedRoom(pod)
    const ready = room.join(mirrorAt(1), 1)
    const { id } = (await room.next('blobs')).head
    room.say({ t: 'blobs-wanted', id, cids: [] })
    await ready
    expect(room.kinds()).toEqual(['hello', 'blobs', 'event', 'ready'])
  })

  it('that the room lacks are sent when it asks, one after the other', async () => {
    const pod = new SmallPod()
    pod.land()
    for (const cid of ['bafka', 'bafkb']) pod.store(cid, 10, revOf(1))
    const room = await joined(pod, 1)
    room.say({ t: 'blobs-wanted', cids: ['bafka', 'bafkgone', 'bafkb'] })
    expect((await room.next('blob')).head.cid).toBe('bafka')
    await quiet()
    expect(room.all('blob')).toHaveLength(1)
    room.say({ t: 'blob-refused', cid: 'bafka', error: 'BlobTooLarge', message: 'no' })
    expect((await room.next('blob')).head.cid).toBe('bafkb')
  })

  it('that come to an imported repo later are sent as they come, also when the room has asked for them in vain', async () => {
    const pod = new SmallPod()
    pod.land()
    const room = await joined(pod, 1)
    room.say({ t: 'blobs-wanted', cids: ['bafklate'] })
    await quiet()
    pod.store('bafklate', 10, revOf(1))
    pod.expected('bafklate')
    const { id } = (await room.next('blobs')).head
    room.say({ t: 'blobs-wanted', id, cids: ['bafklate'] })
    expect((await room.next('blob')).head.cid).toBe('bafklate')
  })

  it('of an account that does not live here yet stay here', async () => {
    const pod = new SmallPod('arriving')
    pod.land()
    const room = await joined(pod, 1)
    pod.store('bafkblob', 10, revOf(1))
    pod.expected('bafkblob')
    await quiet()
    expect([room.all('blobs'), room.all('blob')]).toEqual([[], []])
  })

  it('begins a blob again that the room has forgotten in its sleep, and the event waits for it', async () => {
    const pod = new SmallPod()
    pod.land()
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    pod.store('bafkblob', 10, revOf(2))
    pod.land({ blobs: ['bafkblob'] })
    const { head: first } = await room.next('blob')
    await until(() => room.all('body').some(({ head }) => head.end))
    room.say({ t: 'cancel', of: 'blob', id: first.id, reason: 'nobody reads this upload' })
    const { head: second } = await room.next('blob')
    expect(second).toEqual({ ...first, id: second.id })
    expect(second.id).not.toBe(first.id)
    expect(room.kinds()).not.toContain('event')
    room.say({ t: 'blob-stored', cid: 'bafkblob' })
    await room.next('event')
  })
})
