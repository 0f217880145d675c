/** The answer to a room's challenge: who this pod is, proven by its uplink key. */
import { base64url } from 'multiformats/bases/base64'
import { XrpcError } from '../../wire/errors.ts'
import { joinMessage, type FrameOf, type PublicJwk, recoveryMessage, type RoomFrame, type TabFrame } from '../../wire/frames.ts'
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
  const { uplinkKey } = pod.vault
  const [sig, documents, recoveryKey, recovery] = await Promise.all([
    pod.vault.signJoin(joinMessage({ host, nonce, did, signingKey })),
    pod.documents(),
    pod.recovery?.announced(),
    pod.recovery?.rebind(recoveryMessage({ host, nonce, did, uplinkKey: await thumbprint(uplinkKey) })),
  ])
  return {
    t: 'hello',
    did,
    handle,
    signingKey,
    standing,
    uplinkKey,
    ...(recoveryKey !== undefined && { recoveryKey }),
    ...(recovery && { recovery: base64url.baseEncode(recovery) }),
    ...(claim === undefined ? {} : { claim }),
    sig: base64url.baseEncode(sig),
    documents: { ...documents },
  }
}

/** @see https://www.rfc-editor.org/rfc/rfc7638 */
const thumbprint = async ({ kty, crv, x, y }: PublicJwk): Promise<string> => {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify({ crv, kty, x, y })))
  return base64url.baseEncode(new Uint8Array(hash))
}
