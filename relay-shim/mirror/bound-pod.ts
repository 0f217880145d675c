/** Whose repo a room mirrors, and what is said about it while the tab is closed: given at each join, kept in storage. */
import type { RoomStorage } from '../port.ts'
import { type SignatureCheck, signatureCheck } from './commit.ts'
import { DOCUMENTS, IDENTITY, type Rows, cut, joinPieces } from './keys.ts'

/** Who the pod is: whose events are accepted, by which key they must be signed, what is said about it while the tab is closed. */
export interface PodIdentity {
  readonly did: string
  readonly handle: string
  /** did:key, P-256 or K-256. */
  readonly signingKey: string
  /** Public documents by path, as JSON text. */
  readonly documents: Readonly<Record<string, string>>
}

export type BoundPod = PodIdentity & { readonly verify: SignatureCheck }

/** @throws Refused BadKey */
export const boundPod = async (identity: PodIdentity, before: BoundPod | null): Promise<BoundPod> => ({
  ...identity,
  verify: before?.signingKey === identity.signingKey ? before.verify : await signatureCheck(identity.signingKey),
})

export const boundPodRows = ({ did, handle, signingKey, documents }: PodIdentity): Rows => ({
  [IDENTITY]: { did, handle, signingKey },
  ...cut(DOCUMENTS, new TextEncoder().encode(JSON.stringify(documents))),
})

/** null: no pod has joined yet. */
export const recallBoundPod = async (storage: RoomStorage): Promise<BoundPod | null> => {
  const rows = await storage.getMany<Omit<PodIdentity, 'documents'> | Uint8Array | number>([IDENTITY, DOCUMENTS])
  // Both are what `boundPodRows` wrote.
  const identity = rows.get(IDENTITY) as Omit<PodIdentity, 'documents'> | undefined
  const documents = rows.get(DOCUMENTS) as Uint8Array | number | undefined
  if (!identity || documents === undefined) return null
  const bytes = typeof documents === 'number' ? await joinPieces(storage, DOCUMENTS, documents) : documents
  const parsed = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, string>
  return boundPod({ ...identity, documents: parsed }, null)
}
