/**
 * For `@atproto/lex-resolver` inside the OAuth provider, which needs its error and is given a resolver of ours: the package's own brings Node's DNS and 54 kB (gzip).
 */
export class LexResolverError extends Error {
  override readonly name = 'LexResolverError'
  readonly nsid: string
  readonly description: string

  constructor(nsid: string, description: string, options?: ErrorOptions) {
    super(`${description} (${nsid})`, options)
    this.nsid = nsid
    this.description = description
  }

  static from(nsid: { toString(): string }, description = 'Could not resolve Lexicon for NSID', options?: ErrorOptions): LexResolverError {
    return new LexResolverError(String(nsid), description, options)
  }
}

export function LexResolver(): never {
  throw new TypeError('the provider is given its resolver')
}
