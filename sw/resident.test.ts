import 'fake-indexeddb/auto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPod, createVacantPod, type Pod } from './app.ts'
import { Resident } from './resident.ts'
import { deleteStore } from './store/open.ts'

const ORIGIN = 'http://localhost:1999'
const PASSWORD = 'correct horse'
const fetch = () => Promise.reject(new TypeError('no network in tests'))

let arrived: Pod[]
let steps: string[]
let resident: Resident
beforeEach(() => {
  arrived = []
  steps = []
  resident = new Resident({
    fetch,
    hooks: {
      arrived: (pod) => void arrived.push(pod),
      changed: () => {},
      release: async () => steps.push('released') > 0,
      departed: async () => void steps.push('departed'),
    },
  })
})
afterEach(async () => {
  const pod = await resident.pod()
  if (pod) await resident.forget(pod.identity.handle)
  await deleteStore()
})

const settle = () =>
  resident.settle((store, options) => createPod(store, { handle: 'alice.test', password: PASSWORD, origin: ORIGIN }, options))
const post = async (pod: Pod, method: string, body: object, token?: string) => {
  const headers = { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) }
  const request = new Request(`${ORIGIN}/xrpc/com.atproto.server.${method}`, { method: 'POST', headers, body: JSON.stringify(body) })
  return pod.handle(request, { origin: 'shim' })
}

test('an empty profile is known to be empty, and takes one pod', async () => {
  expect(await resident.pod()).toBeNull()
  expect(resident.isAbsent).toBe(true)
  const pod = await settle()
  expect(await resident.pod()).toBe(pod)
  expect([resident.isAbsent, arrived]).toEqual([false, [pod]])
  await expect(settle()).rejects.toMatchObject({ status: 409, error: 'PodExists' })
})

test('a pod that could not be made leaves the profile empty', async () => {
  await expect(resident.settle(() => Promise.reject(new TypeError('no room')))).rejects.toThrow('no room')
  expect(await resident.pod()).toBeNull()
  await settle()
})

test('is deleted when its handle is typed, and frees the address first', async () => {
  const pod = await settle()
  await expect(resident.forget('bob.test')).rejects.toMatchObject({ error: 'HandleMismatch' })
  await resident.forget(pod.identity.handle)
  expect(steps).toEqual(['released', 'departed'])
  expect(await resident.pod()).toBeNull()
  await settle()
})

test('an account that a client deletes goes after the answer, and only once', async () => {
  const pod = await settle()
  const announced: unknown[] = []
  pod.repo.onEvent(({ kind }) => announced.push(kind))
  await pod.account.inbox.issue('delete-account')
  const [message] = await pod.account.inbox.list()
  const answer = await post(pod, 'deleteAccount', { did: pod.identity.did, password: PASSWORD, token: message?.token })
  expect([answer.status, steps]).toEqual([200, []])
  await vi.waitFor(() => expect(steps).toEqual(['released', 'departed']))
  expect(announced).toEqual(['account'])
  expect(await resident.pod()).toBeNull()
})

test('an account that moves in is the pod from then on', async () => {
  const vacant = await resident.settle((store, options) => createVacantPod(store, ORIGIN, options))
  const { inviteCode } = await vacant.summary()
  const answer = await post(vacant, 'createAccount', { handle: 'alice.test', email: 'alice@example.com', password: PASSWORD, inviteCode })
  expect(answer.status).toBe(200)
  const pod = await resident.pod()
  expect(pod).not.toBe(vacant)
  expect(pod?.identity.standing).toBe('active')
  expect(arrived).toEqual([vacant, pod])
  const { accessJwt } = await answer.json()
  expect((await post(pod!, 'requestEmailConfirmation', {}, accessJwt)).status).toBe(400)
  const asked = new Request(`${ORIGIN}/xrpc/com.atproto.server.getSession`, { headers: { authorization: `Bearer ${accessJwt}` } })
  expect(await (await pod!.handle(asked, { origin: 'shim' })).json()).toMatchObject({ handle: 'alice.test', active: true })
})

test('of a vacant pod that is deleted nobody hears', async () => {
  const vacant = await resident.settle((store, options) => createVacantPod(store, ORIGIN, options))
  const announced: unknown[] = []
  vacant.repo.onEvent(({ kind }) => announced.push(kind))
  await resident.forget(vacant.identity.handle)
  expect(announced).toEqual([])
})
