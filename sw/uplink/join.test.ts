import { calculateJwkThumbprint } from 'jose'
import { base64url } from 'multiformats/bases/base64'
import { expect, test } from 'vitest'
import { recoveryMessage } from '../../wire/frames.ts'
import { answerChallenge } from './join.ts'
import { SmallPod } from './testing.ts'

const CHALLENGE = { t: 'challenge', host: 'pod.test', nonce: 'n', bound: true, policy: 'closed' } as const

test('a pod without a recovery file says nothing of one', async () => {
  const hello = await answerChallenge(new SmallPod(), CHALLENGE, undefined)
  expect(hello.recoveryKey).toBeUndefined()
  expect(hello.recovery).toBeUndefined()
})

test('a restored pod has its recovery key sign for this very connection and its own uplink key', async () => {
  const signed: Uint8Array[] = []
  const recovery = {
    announced: async () => 'did:key:zRecovery',
    rebind: async (message: Uint8Array) => (signed.push(message), Uint8Array.of(1, 2, 3)),
    admitted: async () => {},
  }
  const pod = Object.assign(new SmallPod(), { recovery })
  const hello = await answerChallenge(pod, CHALLENGE, undefined)
  expect(hello).toMatchObject({ recoveryKey: 'did:key:zRecovery', recovery: base64url.baseEncode(Uint8Array.of(1, 2, 3)) })
  const uplinkKey = await calculateJwkThumbprint(pod.vault.uplinkKey)
  expect(signed).toEqual([recoveryMessage({ host: 'pod.test', nonce: 'n', did: pod.identity.did, uplinkKey })])
})
