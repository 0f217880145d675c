import { expect, it } from 'vitest'
import type { RelayView } from '../../wire/frames.ts'
import { Log } from '../operations/log.ts'
import { RelayWatch } from './relay-watch.ts'
import { mirrorAt, ScriptedRoom, SmallPod } from './testing.ts'

const view = (changes: Partial<RelayView> = {}): RelayView => ({
  url: 'https://relay.example',
  askedAt: 1,
  checkedAt: 2,
  status: 'active',
  seq: 3,
  lacksSince: null,
  error: null,
  ...changes,
})

const watched = () => {
  const noted: string[] = []
  const log = new Log()
  log.note = (_kind, message, level) => void noted.push(`${level} ${message}`)
  const heard: (readonly RelayView[])[] = []
  return { watch: new RelayWatch(log, (relays) => heard.push(relays)), noted, heard }
}

it('keeps what the room said last, and tells the pages', () => {
  const { watch, heard, noted } = watched()
  expect(watch.relays).toBeNull()
  watch.hear([view({ status: null, seq: null })])
  watch.hear([view()])
  expect(watch.relays).toEqual([view()])
  expect(heard).toHaveLength(2)
  expect(noted).toEqual([])
})

it('warns in the log of each relay that throttles, bans, calls the pod offline or cannot be asked: once, until that changes', () => {
  const { watch, noted } = watched()
  const other = view({ url: 'https://other.example' })
  for (const status of ['throttled', 'throttled', 'banned', 'active', 'offline']) watch.hear([other, view({ status })])
  for (let n = 0; n < 2; n += 1) watch.hear([other, view({ status: null, error: 'It cannot be reached.' })])
  expect(noted).toEqual([
    'warning relay https://relay.example: it calls this server throttled',
    'warning relay https://relay.example: it calls this server banned',
    'warning relay https://relay.example: it calls this server offline',
    'warning relay https://relay.example: It cannot be reached.',
  ])
})

it('the room is asked over the connection that is up, and what it says comes in', async () => {
  const heard: (readonly RelayView[])[] = []
  const pod = new SmallPod()
  pod.land()
  const room = new ScriptedRoom(pod, { relays: (relays) => heard.push(relays) })
  room.session.askRelays(false)
  await room.join(mirrorAt(1), 1)
  expect(room.all('relays')).toEqual([])
  room.session.askRelays(true)
  expect((await room.next('relays')).head).toEqual({ t: 'relays', crawl: true })
  room.say({ t: 'relays', relays: [view()] })
  expect(heard).toEqual([[view()]])
})
