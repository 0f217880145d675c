/**
 * The recovery file: JSON whose head anyone may read, and one part that only the passphrase opens. PBKDF2-HMAC-SHA-256 makes the key, AES-256-GCM
 * seals the part and vouches for the head, so that neither can be changed or exchanged. `docs/storage.md`, "The recovery file", tells what is in it and why.
 */
import { decode, encode } from '@ipld/dag-cbor'
import { base64url } from 'multiformats/bases/base64'
import * as v from 'valibot'
import { invalidRequest } from '../../wire/errors.ts'
import {
  MAX_PASSPHRASE_LENGTH,
  MAX_RECOVERY_FILE_CHARS,
  MAX_RECOVERY_ROUNDS,
  MIN_PASSPHRASE_LENGTH,
  PASSWORD_ROUNDS,
} from '../../wire/limits.ts'
import { parsePlcUrl } from '../../wire/plc-url.ts'

const FORMAT = 'tabpod recovery file'
const VERSION = 1
const ABOUT =
  'With its passphrase this file brings your PDS back in a new browser, at the address in "origin". Keep it outside of that browser, and the passphrase elsewhere.'

const headSchema = v.object({
  did: v.pipe(v.string(), v.regex(/^did:(web|plc):\S+$/)),
  handle: v.string(),
  /** http(s)://host[:port]: where the mirror is, and the only place to restore at. */
  origin: v.pipe(
    v.string(),
    v.check((text) => URL.canParse(text) && new URL(text).origin === text),
  ),
  /** Address of the directory of a did:plc. */
  plc: v.optional(
    v.pipe(
      v.string(),
      v.check((text) => parsePlcUrl(text) === text),
    ),
  ),
  /** ISO 8601. */
  madeAt: v.pipe(v.string(), v.isoTimestamp()),
  /** did:key of the private key inside. */
  recoveryKey: v.pipe(v.string(), v.startsWith('did:key:')),
  /** did:key that signed the repo when the file was made. */
  signingKey: v.pipe(v.string(), v.startsWith('did:key:')),
})
export type RecoveryHead = v.InferOutput<typeof headSchema>

const bytes = (length?: number) =>
  v.pipe(
    v.instance(Uint8Array),
    v.check((value) => length === undefined || value.length === length),
    // Own buffers: what is stored by structured clone must not bring the whole file along.
    v.transform((value) => new Uint8Array(value)),
  )
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const passwordHash = { salt: bytes(), hash: bytes(), rounds: v.pipe(count, v.minValue(1)) }

/** What only the owner may know and no mirror has. */
const privateStateSchema = v.object({
  owner: v.object({ ...passwordHash, email: v.optional(v.string()), emailConfirmedAt: v.optional(count) }),
  appPasswords: v.array(v.object({ ...passwordHash, name: v.string(), privileged: v.boolean(), createdAt: count })),
  preferences: v.array(v.object({ type: v.string(), json: v.string() })),
})
export type PrivateState = v.InferOutput<typeof privateStateSchema>

/** `recoveryKey`: P-256 private key, PKCS #8. */
const secretsSchema = v.object({ recoveryKey: bytes(), state: privateStateSchema })
export type RecoverySecrets = v.InferOutput<typeof secretsSchema>

const IV_BYTES = 12
const SALT_BYTES = 16

const base64 = (length?: number) =>
  v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9_-]+$/),
    v.rawTransform(({ dataset, addIssue, NEVER }) => {
      try {
        const value = Uint8Array.from(base64url.baseDecode(dataset.value))
        if (length === undefined || value.length === length) return value
      } catch {
        // said below
      }
      addIssue({ message: 'not the base64url that was expected' })
      return NEVER
    }),
  )
const envelopeSchema = v.object({
  encryption: v.object({
    kdf: v.literal('PBKDF2-HMAC-SHA-256'),
    rounds: v.pipe(count, v.minValue(1), v.maxValue(MAX_RECOVERY_ROUNDS)),
    salt: base64(SALT_BYTES),
    cipher: v.literal('AES-256-GCM'),
    iv: base64(IV_BYTES),
  }),
  secret: base64(),
})

/** @throws XrpcError 400 InvalidPassphrase */
export const admitPassphrase = (passphrase: string): void => {
  if (passphrase.length < MIN_PASSPHRASE_LENGTH || passphrase.length > MAX_PASSPHRASE_LENGTH)
    throw invalidRequest(`A passphrase has ${MIN_PASSPHRASE_LENGTH} to ${MAX_PASSPHRASE_LENGTH} characters`, 'InvalidPassphrase')
}

/** @param passphrase admitted already. @returns the text of the file */
export const sealRecoveryFile = async (
  head: RecoveryHead,
  secrets: RecoverySecrets,
  passphrase: string,
  rounds = PASSWORD_ROUNDS,
): Promise<string> => {
  const [salt, iv] = [SALT_BYTES, IV_BYTES].map((length) => crypto.getRandomValues(new Uint8Array(length))) as [Bytes, Bytes]
  const readable = {
    format: FORMAT,
    version: VERSION,
    about: ABOUT,
    ...v.parse(headSchema, head),
    encryption: {
      kdf: 'PBKDF2-HMAC-SHA-256',
      rounds,
      salt: base64url.baseEncode(salt),
      cipher: 'AES-256-GCM',
      iv: base64url.baseEncode(iv),
    },
  }
  const key = await deriveKey(passphrase, { salt, rounds })
  const sealed = await crypto.subtle.encrypt(cipher(iv, readable), key, encode(secrets) as Bytes)
  return `${JSON.stringify({ ...readable, secret: base64url.baseEncode(new Uint8Array(sealed)) }, null, 2)}\n`
}

/** @throws XrpcError 400 BadRecoveryFile | UnknownRecoveryFileVersion | WrongPassphrase */
export const openRecoveryFile = async (text: string, passphrase: string): Promise<{ head: RecoveryHead; secrets: RecoverySecrets }> => {
  const { secret: shown, ...readable } = parseJson(text)
  const { head, encryption, secret } = readEnvelope(readable, shown)
  const key = await deriveKey(passphrase, encryption)
  const plain = await crypto.subtle.decrypt(cipher(encryption.iv, readable), key, secret).catch(() => {
    throw invalidRequest('The passphrase is wrong, or the file was changed', 'WrongPassphrase')
  })
  const secrets = v.safeParse(secretsSchema, decode(new Uint8Array(plain)))
  if (!secrets.success) throw notOurs()
  return { head, secrets: secrets.output }
}

type Bytes = Uint8Array<ArrayBuffer>

const parseJson = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = text.length <= MAX_RECOVERY_FILE_CHARS ? JSON.parse(text) : null
    if (typeof value === 'object' && value !== null && 'format' in value && value.format === FORMAT) return value as Record<string, unknown>
  } catch {
    // said below
  }
  throw notOurs()
}

const readEnvelope = (readable: Readonly<Record<string, unknown>>, secret: unknown) => {
  if (readable['version'] !== VERSION)
    throw invalidRequest(
      'This recovery file was made by another version of tabpod, which this one cannot read',
      'UnknownRecoveryFileVersion',
    )
  const head = v.safeParse(headSchema, readable)
  const envelope = v.safeParse(envelopeSchema, { ...readable, secret })
  if (!head.success || !envelope.success) throw notOurs()
  return { head: head.output, ...envelope.output }
}

const notOurs = () => invalidRequest('This is not a recovery file of tabpod, or it is damaged', 'BadRecoveryFile')

const deriveKey = async (passphrase: string, { salt, rounds }: { readonly salt: Bytes; readonly rounds: number }): Promise<CryptoKey> => {
  // A passphrase typed on two systems may differ in its Unicode form.
  const material = await crypto.subtle.importKey('raw', new TextEncoder().encode(passphrase.normalize('NFKC')), 'PBKDF2', false, [
    'deriveKey',
  ])
  return crypto.subtle.deriveKey(
    { name: 'PBKDF2', hash: 'SHA-256', salt, iterations: rounds },
    material,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  )
}

/** DAG-CBOR has one form for one value: whitespace and the order of fields may change on a file's way, its content may not. */
const cipher = (iv: Bytes, readable: Readonly<Record<string, unknown>>): AesGcmParams => ({
  name: 'AES-GCM',
  iv,
  additionalData: encode(readable) as Bytes,
})
