import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { isPassing } from '../../wire/refusal.ts'
import { lightOfLink, lightOfPod, lightOfRoom } from './light.ts'

test('an uplink that is up is Online', () => {
  expect(lightOfLink({ state: 'online' }, true).word).toBe('Online')
})

test('before anything is heard it is Connecting', () => {
  expect(lightOfLink(null, true).word).toBe('Connecting')
  expect(lightOfLink({ state: 'connecting' }, true).word).toBe('Connecting')
})

test('without a network it is Unreachable, and says that nothing is lost', () => {
  for (const link of [null, { state: 'connecting' }, { state: 'offline', message: 'x' }] as const) {
    const light = lightOfLink(link, false)
    expect(light).toMatchObject({ word: 'Unreachable', reason: 'This device is offline.' })
    expect(light.remedy).toContain('kept')
  }
})

test('a room that does not answer is Unreachable with its own message', () => {
  expect(lightOfLink({ state: 'offline', message: 'socket closed' }, true)).toMatchObject({ word: 'Unreachable', reason: 'socket closed' })
})

test.each(['ClaimRequired', 'ClaimRefused'])('%s asks for the claim token', (error) => {
  expect(lightOfLink({ state: 'refused', error, message: '' }, true)).toMatchObject({ word: 'Refused', wantsClaim: true })
})

/** The first cells of the table of refusals. */
const CODES = readFileSync('docs/protocol.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `') && !line.includes('TABPOD_'))
  .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([A-Z]\w+)`/g)].map(([, code]) => code ?? ''))
const FOUND_BY_THE_TAB = ['WrongHost', 'NoPod', 'RepoBehindMirror', 'RepoFork', 'BadRev']

test('the table of refusals was found', () => {
  expect(CODES).toEqual(expect.arrayContaining(['NotYours', 'HostMismatch', 'JoinTimeout', 'TooManyConnections']))
})

test.each([...CODES, ...FOUND_BY_THE_TAB].filter((code) => !isPassing(code)))('%s has a reason and a remedy of its own', (error) => {
  const light = lightOfLink({ state: 'refused', error, message: 'raw' }, true)
  expect(['Refused', 'Asleep']).toContain(light.word)
  expect(light.reason).not.toBe('raw')
  expect(light.remedy).toBeTruthy()
  expect(light).not.toEqual(lightOfLink({ state: 'refused', error: 'Strange', message: light.reason }, true))
})

test('who was sent away hears why from the operator', () => {
  expect(lightOfLink({ state: 'refused', error: 'Kicked', message: 'Too loud.' }, true).reason).toContain('Too loud.')
})

test('while a quota holds back what is written, the light says so, and that nothing is lost', () => {
  const light = lightOfLink({ state: 'online', held: 'The storage is full.' }, true)
  expect(light).toMatchObject({ word: 'Online', reason: expect.stringContaining('The storage is full.') })
  expect(light.remedy).toContain('nothing is lost')
})

test('a window that was replaced is Asleep, not broken', () => {
  expect(lightOfLink({ state: 'refused', error: 'Replaced', message: '' }, true).word).toBe('Asleep')
})

test('an unknown refusal shows the message of the room', () => {
  expect(lightOfLink({ state: 'refused', error: 'Strange', message: 'We are full.' }, true)).toMatchObject({
    word: 'Refused',
    reason: 'We are full.',
  })
})

test.each([
  ['active', 'Online'],
  ['deactivated', 'Deactivated'],
  ['vacant', 'Waiting for an account'],
  ['arriving', 'Moving in'],
] as const)('an account that is %s is, when connected, %s', (standing, word) => {
  expect(lightOfPod(standing, { state: 'online' }, true).word).toBe(word)
})

test('trouble with the connection goes before how the account stands', () => {
  expect(lightOfPod('deactivated', { state: 'online' }, true).word).toBe('Deactivated')
  expect(lightOfPod('deactivated', { state: 'offline', message: '' }, true).word).toBe('Unreachable')
  expect(lightOfPod('vacant', { state: 'refused', error: 'ClaimRequired', message: '' }, true)).toMatchObject({ wantsClaim: true })
})

test('a visitor sees Online or Asleep', () => {
  expect(lightOfRoom({ online: true }).word).toBe('Online')
  expect(lightOfRoom({ online: false }).word).toBe('Asleep')
})
