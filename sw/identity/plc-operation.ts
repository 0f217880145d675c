/**
 * PLC operations: what a did:plc is, and the next step of its chain. Each names its predecessor by hash and is signed by a rotation key of that one.
 * @see https://web.plc.directory/spec/v0.1/did-plc#operation-serialization-signing-and-validation
 */
import { encode } from '@ipld/dag-cbor'
import { base64url } from 'multiformats/bases/base64'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import * as v from 'valibot'
import { XrpcError } from '../../wire/errors.ts'
import type { RotationKey } from './contract.ts'

const plcDataEntries = {
  /** did:keys that may change this identity, the most powerful first. */
  rotationKeys: v.array(v.string()),
  /** did:keys by name; a repo's is `atproto`. */
  verificationMethods: v.record(v.string(), v.string()),
  /** The handle first, as `at://` URI. */
  alsoKnownAs: v.array(v.string()),
  services: v.record(v.string(), v.strictObject({ type: v.string(), endpoint: v.string() })),
}
const isText = v.string()

const operationSchema = v.strictObject({
  type: v.literal('plc_operation'),
  ...plcDataEntries,
  /** CID of the operation before; null: the genesis operation. */
  prev: v.nullable(isText),
  /** ECDSA over the operation without `sig`: 64 bytes r‖s, low-S, base64url without padding. */
  sig: isText,
})
const tombstoneSchema = v.strictObject({ type: v.literal('plc_tombstone'), prev: isText, sig: isText })
/** Of the first months; only ever the first of a chain. */
const legacySchema = v.strictObject({
  type: v.literal('create'),
  signingKey: isText,
  recoveryKey: isText,
  handle: isText,
  service: isText,
  prev: v.null(),
  sig: isText,
})
const logEntrySchema = v.variant('type', [operationSchema, tombstoneSchema, legacySchema])
const plcDataSchema = v.object(plcDataEntries)

export type PlcData = v.InferOutput<typeof plcDataSchema>
export type PlcOperation = v.InferOutput<typeof operationSchema>
/** Anything that may stand in the log of a DID. */
export type PlcLogEntry = v.InferOutput<typeof logEntrySchema>

/** What the next operation builds on. */
export interface LastOperation {
  readonly cid: string
  readonly data: PlcData
}

/** @throws v.ValiError */
export const parsePlcLog = (value: unknown): PlcLogEntry[] => v.parse(v.array(logEntrySchema), value)
/** null: no operation of today's form. */
export const parsePlcOperation = (value: unknown): PlcOperation | null => {
  const { success, output } = v.safeParse(operationSchema, value)
  return success ? output : null
}
/** Changes as a client asks for them; null: not of the right form. */
export const parsePlcChanges = (value: unknown): Partial<PlcData> | null => {
  const { success, output } = v.safeParse(v.partial(plcDataSchema), value)
  return success ? output : null
}

/**
 * The next operation: what `last` says, `changes` put over it, signed.
 * @param rotationKey must be one that `last` names: no directory takes another's
 * @throws XrpcError 400 PlcRefused
 */
export const makeOperation = async (last: LastOperation, changes: Partial<PlcData>, rotationKey: RotationKey): Promise<PlcOperation> => {
  if (!last.data.rotationKeys.includes(rotationKey.didKey))
    throw new XrpcError(400, 'PlcRefused', `${rotationKey.didKey} is none of the rotation keys of this DID and cannot change it`)
  return signOperation({ ...last.data, ...changes }, last.cid, rotationKey)
}

/** @param prev CID of the operation before; null: the genesis operation */
export const signOperation = async (data: PlcData, prev: string | null, rotationKey: RotationKey): Promise<PlcOperation> => {
  const { rotationKeys, verificationMethods, alsoKnownAs, services } = data
  const unsigned = { type: 'plc_operation', rotationKeys, verificationMethods, alsoKnownAs, services, prev } as const
  return { ...unsigned, sig: base64url.baseEncode(await rotationKey.sign(encode(unsigned))) }
}

/** What the entry says of its DID; null: that it is given up. */
export const dataOf = (entry: PlcLogEntry): PlcData | null => {
  switch (entry.type) {
    case 'plc_operation': {
      const { rotationKeys, verificationMethods, alsoKnownAs, services } = entry
      return { rotationKeys, verificationMethods, alsoKnownAs, services }
    }
    case 'create':
      // Handle and service were written with or without their scheme.
      return {
        rotationKeys: [entry.recoveryKey, entry.signingKey],
        verificationMethods: { atproto: entry.signingKey },
        alsoKnownAs: [`at://${entry.handle.replace(/^(at|https?):\/\//, '')}`],
        services: {
          atproto_pds: {
            type: 'AtprotoPersonalDataServer',
            endpoint: /^https?:\/\//.test(entry.service) ? entry.service : `https://${entry.service}`,
          },
        },
      }
    case 'plc_tombstone':
      return null
  }
}

/** What was signed, and by what. */
export const signedPart = ({ sig, ...unsigned }: PlcLogEntry): { readonly bytes: Uint8Array; readonly sig: Uint8Array } => ({
  bytes: encode(unsigned),
  sig: base64url.baseDecode(sig),
})

/** SHA-256 of the signed operation: it names the DID (genesis) and, as CID, the predecessor. */
export const hashOf = async (entry: PlcLogEntry): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', encode(entry) as Uint8Array<ArrayBuffer>))

const DAG_CBOR = 0x71
const SHA_256 = 0x12

export const hashToCid = (hash: Uint8Array): string => CID.createV1(DAG_CBOR, createDigest(SHA_256, hash)).toString()
