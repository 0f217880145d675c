/**
 * Service tokens of others: an account elsewhere, or a service, proves by its DID's key who it is.
 * @see https://atproto.com/specs/xrpc#inter-service-authentication-jwt
 */
import { verifySignature } from '@atproto/crypto'
import { isValidDid } from '@atproto/syntax'
import { base64url } from 'multiformats/bases/base64'
import * as v from 'valibot'
import { XrpcError } from '../../wire/errors.ts'

export interface SigningKeys {
  /**
   * did:key of the `#atproto` key of a DID. `fresh`: the document is asked for anew, because a key may have changed.
   * @throws XrpcError where the DID has no document or no key
   */
  signingKey(did: string, options?: { readonly fresh?: boolean }): Promise<string>
}

const headerSchema = v.object({ alg: v.string(), typ: v.optional(v.unknown()) })
const claimsSchema = v.object({ iss: v.string(), aud: v.string(), exp: v.number(), lxm: v.optional(v.string()) })

/** Tokens of other kinds, which must not pass for service tokens. */
const FOREIGN_TYPES: ReadonlySet<unknown> = new Set(['at+jwt', 'refresh+jwt', 'dpop+jwt'])

/**
 * @param now ms since 1970
 * @throws XrpcError 401 BadJwt | BadJwtType | JwtExpired | BadJwtLexiconMethod | BadJwtIss | BadJwtSignature | BadJwtAudience, 502 when the issuer's document cannot be had
 */
export const verifyServiceToken = async (
  token: string,
  expected: { readonly aud: string; readonly lxm: string },
  keys: SigningKeys,
  now: number,
): Promise<{ readonly iss: string }> => {
  const [header = '', payload = '', signature = '', ...rest] = token.split('.')
  if (signature === '' || rest.length > 0) throw refused('BadJwt', 'poorly formatted jwt')
  const { alg, typ } = parsePart(header, headerSchema)
  if (FOREIGN_TYPES.has(typ)) throw refused('BadJwtType', `Invalid jwt type "${String(typ)}"`)
  const { iss, aud, exp, lxm } = parsePart(payload, claimsSchema)
  if (now / 1000 > exp) throw refused('JwtExpired', 'jwt expired')
  if (lxm !== expected.lxm)
    throw refused('BadJwtLexiconMethod', `${lxm === undefined ? 'missing' : 'bad'} jwt lexicon method ("lxm"). must match: ${expected.lxm}`)
  if (!isValidDid(iss)) throw refused('BadJwtIss', 'jwt iss is not a valid did')
  if (aud !== expected.aud) throw refused('BadJwtAudience', 'jwt audience does not match service did')

  const message = new TextEncoder().encode(`${header}.${payload}`)
  const isBy = (key: string): Promise<boolean> => isSignedBy(key, message, signature, alg)
  const key = await keys.signingKey(iss)
  if (await isBy(key)) return { iss }
  const freshKey = await keys.signingKey(iss, { fresh: true })
  if (freshKey !== key && (await isBy(freshKey))) return { iss }
  throw refused('BadJwtSignature', 'jwt signature does not match jwt issuer')
}

const parsePart = <S extends v.GenericSchema>(part: string, schema: S): v.InferOutput<S> => {
  try {
    return v.parse(schema, JSON.parse(new TextDecoder().decode(base64url.baseDecode(part))))
  } catch {
    throw refused('BadJwt', 'poorly formatted jwt')
  }
}

const isSignedBy = async (key: string, message: Uint8Array, signature: string, jwtAlg: string): Promise<boolean> => {
  try {
    // Both forms of an ECDSA signature are in use between services.
    return await verifySignature(key, message, base64url.baseDecode(signature), { jwtAlg, allowMalleableSig: true })
  } catch {
    return false
  }
}

const refused = (error: string, message: string): XrpcError => new XrpcError(401, error, message)
