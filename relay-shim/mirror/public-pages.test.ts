import { beforeEach, expect, it } from 'vitest'
import { AVATAR_PATH, pictureDocument, PROFILE_PATH } from '../../wire/indieauth.ts'
import { Firehose } from '../firehose/firehose.ts'
import { MemoryPort } from '../testing/memory-port.ts'
import { SigningPod } from '../testing/signing-pod.ts'
import { cidOfDigest } from './cid.ts'
import { Mirror } from './mirror.ts'

const bytes = new Uint8Array([1, 2, 3])

let pod: SigningPod
let mirror: Mirror
beforeEach(async () => {
  const port = new MemoryPort()
  mirror = await Mirror.open(port, await Firehose.open(port))
  pod = await SigningPod.create()
})

const bind = (documents: Readonly<Record<string, string>>) => mirror.bind({ ...pod.identity(), documents })
const ask = (path: string, init: RequestInit = {}) =>
  mirror.answer(new Request(`https://pod.example${path}`, init), { online: false, seenAt: 0 })

it('serves the owner’s page as a page that runs nothing, before there is a repo and after', async () => {
  await bind({ [PROFILE_PATH]: '<!doctype html><title>Alice</title>' })
  const before = (await ask(PROFILE_PATH))!
  await mirror.accept(...pod.next(await pod.begin()))
  for (const response of [before, (await ask(PROFILE_PATH))!]) {
    expect(await response.text()).toContain('Alice')
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': expect.stringMatching(/^default-src 'none'; style-src/),
      'x-content-type-options': 'nosniff',
      'access-control-allow-origin': '*',
      link: expect.stringContaining('rel="indieauth-metadata"'),
    })
  }
  expect(await (await ask(PROFILE_PATH, { method: 'HEAD' }))!.text()).toBe('')
})

it('serves the picture that was made up in the sandbox of its own', async () => {
  await bind({ [AVATAR_PATH]: pictureDocument(bytes) })
  const response = (await ask(AVATAR_PATH))!
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'image/png',
    'content-security-policy': expect.stringMatching(/^default-src 'none';.*sandbox/),
    'cross-origin-resource-policy': 'cross-origin',
  })
})

it('serves the picture of the profile, to be shown by any site; one that is not here the tab has', async () => {
  const cid = cidOfDigest(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), 'raw')
  await bind({ [AVATAR_PATH]: cid })
  expect(await ask(AVATAR_PATH)).toBeNull()
  await mirror.accept(...pod.next(await pod.begin()))
  expect(await ask(AVATAR_PATH)).toBeNull()
  await mirror.storeBlob(
    { cid, mime: 'image/png', size: bytes.length },
    (async function* () {
      yield bytes
    })(),
  )
  const response = (await ask(AVATAR_PATH))!
  expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes)
  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'image/png',
    'content-security-policy': expect.stringContaining('sandbox'),
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'cross-origin',
    'access-control-allow-origin': '*',
  })
  expect(response.headers.has('content-disposition')).toBe(false)
})

it.each(['<svg xmlns="http://www.w3.org/2000/svg"/>', 'u!', 'bafy', ''])(
  'shows nothing for a picture that is none: %s',
  async (document) => {
    await bind({ [AVATAR_PATH]: document })
    expect(await ask(AVATAR_PATH)).toBeNull()
  },
)

it('has nothing of a pod that gave nothing', async () => {
  await bind({})
  expect([await ask(PROFILE_PATH), await ask(AVATAR_PATH)]).toEqual([null, null])
})
