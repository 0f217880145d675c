/**
 * Codes for an identity or for tokens, tokens for newer ones, and what a token is. A code is good once: whoever shows it again, shows that it was stolen, and ends what it gave.
 * @see https://indieauth.spec.indieweb.org/#redeeming-the-authorization-code
 * @see https://www.rfc-editor.org/rfc/rfc9700#name-refresh-token-protection
 */
import { INDIE_ACCESS_TTL_MS, INDIE_GRANT_TTL_MS, MAX_USED_REFRESH_TOKENS } from '../../wire/indieauth-limits.ts'
import { OAUTH_REFRESH_GRACE_MS } from '../../wire/oauth-limits.ts'
import { digestOf, randomText } from '../oauth/devices.ts'
import type { IndieCodeRow, IndieTokenRow } from '../store/indieauth-schema.ts'
import { deleteIndieToken, exchangeIndieCode, readIndieToken, refreshIndieToken } from '../store/indieauth-tokens.ts'
import { appendOAuthLedger } from '../store/oauth-ledger.ts'
import type { Store } from '../store/open.ts'
import { parseClientId } from './client-id.ts'
import { refusal } from './errors.ts'

export interface Exchange {
  readonly code: string
  readonly clientId: string
  /** null: the request has none, as for a code that came by FedCM. */
  readonly redirectUri: string | null
  readonly verifier: string
}

export interface GivenTokens {
  readonly access: string
  readonly refresh: string
  readonly scopes: readonly string[]
}

export interface Tokens {
  /** @param withTokens false: only who it is. @returns tokens null: none were wanted, or there is nothing to open. @throws XrpcError 400 `invalid_grant` */
  exchange(wanted: Exchange, withTokens: boolean): Promise<{ readonly scopes: readonly string[]; readonly tokens: GivenTokens | null }>
  /** @param scopes fewer than it has; null: all. @throws XrpcError 400 `invalid_grant` | `invalid_scope` */
  refresh(token: string, clientId: string, scopes: readonly string[] | null): Promise<GivenTokens>
  /** An access token that is good now. */
  find(token: string): Promise<IndieTokenRow | null>
  /** Says nothing of what is none. */
  revoke(token: string): Promise<void>
}

export const tokensOf = ({ store, now }: { readonly store: Store; readonly now: () => number }): Tokens => {
  const end = (clientId: string, note: string): Promise<void> =>
    appendOAuthLedger(store, { at: now(), what: 'site-end', outcome: 'done', clientId, note })

  return {
    async exchange({ code, clientId, redirectUri, verifier }, withTokens) {
      const made = await makePair()
      const challenge = await digestOf(verifier)
      const at = now()
      const isGood = (row: IndieCodeRow): boolean =>
        row.expiresAt > at && isSameSite(row.clientId, clientId) && row.redirectUri === redirectUri && row.codeChallenge === challenge
      const tokens = ({ digest: grant, clientId, scopes }: IndieCodeRow): readonly IndieTokenRow[] =>
        withTokens && scopes.length > 0 ? rowsOf(made, { grant, clientId, scopes, at, until: at + INDIE_GRANT_TTL_MS }) : []
      const { row, ended } = await exchangeIndieCode(store, await digestOf(code), at, isGood, tokens)
      const [stolen] = ended
      if (stolen) await end(stolen.clientId, 'its code came twice')
      if (!row) throw refusal('invalid_grant', 'The code is not known here, or not for this request, or was used, or is too old')
      const { scopes } = row
      return { scopes, tokens: withTokens && scopes.length > 0 ? { access: made.access.token, refresh: made.refresh.token, scopes } : null }
    },

    async refresh(token, clientId, wanted) {
      const made = await makePair()
      const at = now()
      const judge = (row: IndieTokenRow, used: number): 'good' | 'end' | 'leave' => {
        if (row.kind !== 'refresh' || !isSameSite(row.clientId, clientId) || row.expiresAt <= at) return 'leave'
        // A site that raced with itself.
        if (row.usedAt !== undefined) return row.usedAt + OAUTH_REFRESH_GRACE_MS > at ? 'leave' : 'end'
        return used < MAX_USED_REFRESH_TOKENS ? 'good' : 'end'
      }
      const asked = (row: IndieTokenRow): readonly string[] => {
        const scopes = wanted ?? row.scopes
        if (scopes.every((scope) => row.scopes.includes(scope))) return scopes
        throw refusal('invalid_scope', 'The refresh token has not all of that')
      }
      const tokens = (row: IndieTokenRow): readonly IndieTokenRow[] => {
        const { grant, scopes, expiresAt } = row
        const [access, refresh] = rowsOf(made, { grant, clientId: row.clientId, scopes, at, until: expiresAt })
        return [{ ...access, scopes: asked(row) }, refresh]
      }
      const { row, verdict } = await refreshIndieToken(store, await digestOf(token), at, judge, tokens)
      if (row && verdict === 'end')
        await end(row.clientId, row.usedAt === undefined ? 'it asked for newer tokens too often' : 'an old refresh token came twice')
      if (!row || verdict !== 'good') throw refusal('invalid_grant', 'The refresh token is not known here, or was used, or is too old')
      return { access: made.access.token, refresh: made.refresh.token, scopes: asked(row) }
    },

    async find(token) {
      const row = await readIndieToken(store, await digestOf(token))
      return row?.kind === 'access' && row.expiresAt > now() ? row : null
    },

    async revoke(token) {
      const row = await deleteIndieToken(store, await digestOf(token))
      // An access token alone ends nothing that the owner has agreed to.
      if (row?.kind === 'refresh') await end(row.clientId, 'the site gave it back')
    },
  }
}

/** However the slash behind a bare host is handled. */
const isSameSite = (known: string, shown: string): boolean => parseClientId(shown)?.href === known

interface Made {
  readonly token: string
  readonly digest: string
}

/** Before the transaction, which may wait for nothing else. */
const makePair = async (): Promise<{ readonly access: Made; readonly refresh: Made }> => {
  const make = async (): Promise<Made> => {
    const token = randomText()
    return { token, digest: await digestOf(token) }
  }
  return { access: await make(), refresh: await make() }
}

const rowsOf = (
  { access, refresh }: Awaited<ReturnType<typeof makePair>>,
  { at, until, ...shared }: Pick<IndieTokenRow, 'grant' | 'clientId' | 'scopes'> & { readonly at: number; readonly until: number },
): readonly [access: IndieTokenRow, refresh: IndieTokenRow] => [
  { ...shared, digest: access.digest, kind: 'access', createdAt: at, expiresAt: Math.min(at + INDIE_ACCESS_TTL_MS, until) },
  { ...shared, digest: refresh.digest, kind: 'refresh', createdAt: at, expiresAt: until },
]
