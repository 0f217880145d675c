/**
 * What a record must be before it may be written: the data model, its lexicon where we know it, and its key.
 * @see https://atproto.com/specs/data-model and https://atproto.com/specs/record-key
 */
import { type BlobRef, type LexMap, type TypedBlobRef, type TypedLexMap, enumBlobRefs, isLegacyBlobRef, isLexMap } from '@atproto/lex-data'
import { isValidNsid, isValidRecordKey } from '@atproto/syntax'
import { invalidRequest, type XrpcError } from '../../wire/errors.ts'
import type { ValidationStatus } from './contract.ts'
import { recordSchemas } from './record-schemas.ts'

export interface ValidRecord {
  readonly record: TypedLexMap
  readonly blobs: readonly TypedBlobRef[]
  readonly validationStatus?: ValidationStatus
}

/** The reference PDS answers bad records with this code on every write method. */
const invalidRecord = (message: string, cause?: unknown): XrpcError =>
  Object.assign(invalidRequest(message), cause === undefined ? {} : { cause })

/** @throws XrpcError 400 `InvalidRequest` */
export const checkPath = (collection: string, rkey: string): void => {
  if (!isValidNsid(collection)) throw invalidRequest(`Invalid collection: ${collection} is not an NSID`)
  if (!isValidRecordKey(rkey)) throw invalidRequest(`Invalid record key: ${rkey}`)
}

/** Fills in `$type`. @throws XrpcError 400 `InvalidRequest` with the reason. */
export const checkRecord = (collection: string, rkey: string, input: LexMap, validate: boolean | undefined): ValidRecord => {
  if (!isLexMap(input))
    throw invalidRecord('Invalid record: not an object of the AT Protocol data model (floats and undefined are not part of it)')
  if (input.$type !== undefined && input.$type !== collection) {
    throw invalidRecord(`Invalid $type: expected ${collection}, got ${String(input.$type)}`)
  }
  const record: TypedLexMap = { ...input, $type: collection }
  const validationStatus = checkLexicon(record, rkey, validate)
  const blobs = Array.from(enumBlobRefs(record, { strict: false, allowLegacy: true }), refuseLegacy)
  return { record, blobs, ...(validationStatus && { validationStatus }) }
}

const checkLexicon = (record: TypedLexMap, rkey: string, validate: boolean | undefined): ValidationStatus | undefined => {
  if (validate === false) return undefined
  const schema = recordSchemas.get(record.$type)
  if (!schema) {
    if (validate) throw invalidRecord(`Unknown lexicon type: ${record.$type}`)
    return 'unknown'
  }
  const key = schema.keySchema.safeValidate(rkey)
  if (!key.success) throw invalidRecord(`Invalid record key for ${record.$type}: ${key.reason.message}`, key.reason)
  const checked = schema.safeValidate(record, { path: ['record'] })
  if (!checked.success) throw invalidRecord(`Invalid ${record.$type} record: ${checked.reason.message}`, checked.reason)
  return 'valid'
}

/** {cid, mimeType} was how blobs were mentioned before 2023; new records must not. https://atproto.com/specs/data-model#blob-type */
const refuseLegacy = (blob: BlobRef): TypedBlobRef => {
  if (isLegacyBlobRef(blob)) throw invalidRecord(`Legacy blobs are not allowed (${blob.cid})`)
  return blob
}
