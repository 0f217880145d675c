/** The answer to a room's challenge: who this pod is, proven by its uplink key. */
import { base64url } from 'multiformats/bases/base64'
import { XrpcError } from '../../wire/errors.ts'
import { joinMessage, type FrameOf, type RoomFrame, type TabFrame } from '../../wire/frames.ts'
import type { UplinkPod } from './contract.ts'

/**
 * Signs for the pod's own host only, so that a room elsewhere cannot use the answer here.
 * @throws XrpcError WrongHost
 */
export const answerChallenge = async (
  pod: UplinkPod,
  challenge: FrameOf<RoomFrame, 'challenge'>,
  claim: string | undefined,
): Promise<FrameOf<TabFrame, 'hello'>> => {
  const { did, handle, origin, standing } = pod.identity
  const { host, nonce } = challenge
  if (host !== new URL(origin).host) throw new XrpcError(403, 'WrongHost', `This pod lives at ${origin}, not at ${host}`)
  const signingKey = pod.vault.signingDidKey
  const [sig, documents] = await Promise.all([pod.vault.signJoin(joinMessage({ host, nonce, did, signingKey })), pod.documents()])
  return {
    t: 'hello',
    did,
    handle,
    signingKey,
    standing,
    uplinkKey: pod.vault.uplinkKey,
    ...(claim === undefined ? {} : { claim }),
    sig: base64url.baseEncode(sig),
    documents: { ...documents },
  }
}
