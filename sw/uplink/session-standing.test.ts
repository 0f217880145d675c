import { describe, expect, it } from 'vitest'
import { mirrorAt, quiet, ScriptedRoom, SmallPod, until } from './testing.ts'

describe.each(['vacant', 'arriving'] as const)('an account that is %s', (standing) => {
  it('says so, and keeps its repo and its events to itself', async () => {
    const pod = new SmallPod(standing)
    pod.land()
    pod.land({ kind: 'identity' })
    const room = new ScriptedRoom(pod)
    await room.join()
    pod.land()
    await quiet()
    expect(room.all('hello')[0]?.head.standing).toBe(standing)
    expect(room.kinds()).toEqual(['hello', 'ready'])
    expect(room.words.at(-1)).toEqual({ link: { state: 'online' } })
  })

  it('answers requests, and fetches and mails through the room, as ever', async () => {
    const room = new ScriptedRoom(new SmallPod(standing))
    room.say({ t: 'challenge', host: 'pod.test', nonce: 'n', bound: false, policy: 'open' })
    await room.next('hello')
    room.say({ t: 'welcome', mirror: null, event: 0, services: { appview: null, plc: null, mail: true } })
    await room.next('ready')
    room.request(1)
    expect((await room.next('response')).head.status).toBe(200)
    void room.mail.deliver('alice@example.com', 'reset-password', 'AAAAA-AAAAA')
    expect((await room.next('mail')).head.to).toBe('alice@example.com')
    const fetched = room.egress.fetch('https://old.example/')
    const { id } = (await room.next('egress')).head
    room.say({ t: 'fetched', id, status: 204, headers: [], body: 'none' })
    expect((await fetched).status).toBe(204)
  })
})

it('an account that is deactivated goes on telling what happens to it', async () => {
  const pod = new SmallPod('deactivated')
  pod.land()
  const room = new ScriptedRoom(pod)
  await room.join(mirrorAt(1), 1)
  pod.land({ kind: 'account' })
  expect(room.kinds()).toEqual(['hello', 'ready', 'event'])
})

describe('joining anew', () => {
  const joined = async () => {
    const pod = new SmallPod()
    pod.land()
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    return { pod, room }
  }
  const isClosed = (room: ScriptedRoom) => room.words.some((word) => 'close' in word && word.close === 'Rejoin')

  it('waits until everything asked is answered', async () => {
    const { pod, room } = await joined()
    let answer: (response: Response) => void = () => {}
    pod.answer = () => new Promise((resolve) => (answer = resolve))
    room.request(1, { method: 'POST' })
    await until(() => pod.contexts.length === 1)
    const rejoining = room.session.rejoin()
    await quiet()
    expect(isClosed(room)).toBe(false)
    pod.land()
    answer(Response.json({}))
    await rejoining
    expect(room.kinds().slice(-2)).toEqual(['event', 'response'])
    expect(isClosed(room)).toBe(true)
  })

  it('happens at once when nothing is asked', async () => {
    const { room } = await joined()
    await room.session.rejoin()
    expect(isClosed(room)).toBe(true)
  })
})
