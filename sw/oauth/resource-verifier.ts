/**
 * Whether an access token and its proof are worth something: as resource server, with the keys of the provider and nonces of its own. Asked at every call of an app, so
 * what can be done once is done once, and the store is asked while signatures are verified.
 * @see https://datatracker.ietf.org/doc/html/rfc9449#section-9
 */
import { InvalidDpopProofError } from '@atproto/oauth-provider/errors'
import type { OAuthProvider } from '@atproto/oauth-provider/provider'
import { DpopNonce, type DpopProof, OAuthVerifier, type OAuthVerifierOptions } from '@atproto/oauth-provider/verifier'
import { decodeJwt } from 'jose'
import { MAX_REMEMBERED_TOKENS } from '../../wire/oauth-limits.ts'

type Verified = Awaited<ReturnType<OAuthVerifier['signer']['verifyAccessToken']>>

export class ResourceVerifier extends OAuthVerifier {
  readonly #claimsOf: OAuthProvider['tokenManager']['loadTokenClaims']
  readonly #nonces: DpopNonce
  /** Tokens whose signature was right, which it stays: whether they, or their grants, are over is asked each time. */
  readonly #known = new Map<string, Verified>()
  /** Whether a proof is shown for the first time. */
  readonly #firsts = new WeakMap<DpopProof, Promise<boolean>>()
  readonly #settled = new WeakMap<object, Promise<void>>()

  /** @param secret that its nonces are derived from. @param claimsOf what the grant of a token says now */
  constructor(options: OAuthVerifierOptions, secret: Uint8Array, claimsOf: OAuthProvider['tokenManager']['loadTokenClaims']) {
    super({ ...options, dpopSecret: secret })
    this.#claimsOf = claimsOf
    this.#nonces = new DpopNonce(secret)
    const { signer } = this
    const verify = signer.verifyAccessToken.bind(signer)
    // `decodeToken` of the core asks its signer, which is this verifier's own.
    Object.assign(signer, {
      verifyAccessToken: async (token: Parameters<typeof verify>[0]) => {
        const known = this.#known.get(token)
        // What has run out is refused there. Asked what it is good for, the core would end its grant.
        return known && !isOver(known) ? known : this.#remembered(token, await verify(token))
      },
    })
  }

  /** A proof with a nonce of ours that comes with a token of ours is noted down while its signature is verified. */
  override async checkDpopProof(...args: Parameters<OAuthVerifier['checkDpopProof']>): ReturnType<OAuthVerifier['checkDpopProof']> {
    const [, , { dpop }, token] = args
    const early = typeof dpop === 'string' && token !== undefined && this.#known.has(token) ? this.#noted(dpop) : undefined
    early?.catch(() => {})
    const proof = await this.dpopManager.checkProof(...args)
    if (proof) this.#firsts.set(proof, early ?? this.#isFirst(proof.jti))
    return proof
  }

  /** The grant is looked up whatever the token says of itself: one that is over is over at once. */
  protected override async decodeToken(...args: Parameters<OAuthVerifier['decodeToken']>): ReturnType<OAuthVerifier['decodeToken']> {
    const [tokenType, , proof] = args
    const settled = this.#assertFirst(proof)
    settled.catch(() => {})
    try {
      const payload = await super.decodeToken(...args)
      const claims = { ...payload, ...(await this.#claimsOf(tokenType, payload)) }
      this.#settled.set(claims, settled)
      return claims
    } catch (cause) {
      await settled
      throw cause
    }
  }

  /** Until then it is not known whether the proof came before, and a killed worker would take it again. @param claims of `authenticateRequest`. @throws InvalidDpopProofError */
  settled(claims: object): Promise<void> | undefined {
    return this.#settled.get(claims)
  }

  async #assertFirst(proof: DpopProof | null): Promise<void> {
    if (proof && (await this.#firsts.get(proof)) === false) throw new InvalidDpopProofError('DPoP proof replayed')
  }

  #noted(dpop: string): Promise<boolean> | undefined {
    try {
      const { jti, nonce } = decodeJwt(dpop)
      // Whoever is only told which nonce to use has used nothing up.
      return jti !== undefined && this.#nonces.check(String(nonce)) ? this.#isFirst(jti) : undefined
    } catch {
      return undefined
    }
  }

  async #isFirst(jti: string): Promise<boolean> {
    return this.replayManager.uniqueDpop(jti)
  }

  #remembered(token: string, verified: Verified): Verified {
    if (this.#known.size >= MAX_REMEMBERED_TOKENS) this.#known.clear()
    this.#known.set(token, verified)
    return verified
  }
}

const isOver = ({ payload }: Verified): boolean => (payload.exp ?? Infinity) * 1000 <= Date.now()
