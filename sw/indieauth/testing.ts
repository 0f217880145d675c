/** For tests: IndieAuth over the pages' stage, with a profile that can be changed, and sites that ask. */
import { createHash, randomBytes } from 'node:crypto'
import type { LexMap } from '@atproto/lex-data'
import type { BlobView } from '../repo/contract.ts'
import { allow, Browser, type PagesStage, type Seen, signIn, stagePages } from '../oauth/pages-testing.ts'
import { ORIGIN } from '../oauth/testing.ts'
import type { EventRow } from '../store/schema.ts'
import type { Standing } from '../../wire/frames.ts'
import { INDIEAUTH } from '../../wire/indieauth.ts'
import type { Sites } from './contract.ts'
import { composeIndieAuth, type IndieAuth } from './indieauth.ts'

export const SITE = 'https://site.example/'
export const CALLBACK = 'https://site.example/back?a=1'
export const ME = `${ORIGIN}/`

export interface SitesStage extends PagesStage {
  readonly indieauth: IndieAuth
  /** null: none. */
  readonly profile: { record: LexMap | null }
  readonly blobs: Map<string, BlobView>
  readonly identity: { standing: Standing }
  email?: string
  readonly landed: (row: Pick<EventRow, 'kind' | 'body'>) => void
  readonly browser: (road: 'local' | 'shim') => Browser
  /** Straight to the endpoints. */
  readonly post: (path: string, fields: Record<string, string>, headers?: Record<string, string>) => Promise<Reply>
}

export interface Reply {
  readonly status: number
  readonly body: Record<string, unknown>
  readonly headers: Headers
}

export const stageSites = async (standing: Standing = 'active'): Promise<SitesStage> => {
  const set = await stagePages()
  const profile: SitesStage['profile'] = { record: null }
  const blobs = new Map<string, BlobView>()
  const listeners = new Set<(row: EventRow) => void>()
  const identity = { ...set.parts.identity, origin: ORIGIN, standing }
  const here: { email?: string } = {}
  const indieauth = composeIndieAuth({
    ...set.parts,
    identity,
    repo: {
      record: async () => profile.record && { uri: '', cid: '', value: { $type: 'app.bsky.actor.profile', ...profile.record } },
      onEvent: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    blobs: { get: async (cid) => blobs.get(cid) ?? null },
    sites: set.sites,
    email: { current: async () => ({ ...here, emailConfirmed: false }) },
    fetch: async (url) => set.web.get(url)?.() ?? new Response(null, { status: 404 }),
  })
  const pages: PagesStage['pages'] = {
    answer: (path, request, origin) => set.pages.answer(path, request, origin) ?? indieauth.answer(path, request, origin),
  }
  return Object.assign(here, {
    ...set,
    pages,
    indieauth,
    profile,
    blobs,
    identity,
    landed: (row: Pick<EventRow, 'kind' | 'body'>) => {
      for (const listener of listeners) listener({ event: 1, at: 0, ...row })
    },
    browser: (road: 'local' | 'shim') => new Browser({ pages }, road),
    post: async (path: string, fields: Record<string, string>, headers: Record<string, string> = {}): Promise<Reply> => {
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      const request = new Request(ORIGIN + path, { method: 'POST', body: new URLSearchParams(fields), headers: { ...type, ...headers } })
      const response = await indieauth.answer(path, request, 'shim')
      if (!response) throw new Error(`nothing is at ${path}`)
      return { status: response.status, body: (await response.json()) as Reply['body'], headers: response.headers }
    },
  })
}

/** Whether the owner has let it have all of that. */
export const isKnown = async (sites: Pick<Sites, 'known'>, clientId: string, scopes: readonly string[]): Promise<boolean> =>
  (await sites.known()).some((site) => site.clientId === clientId && scopes.every((scope) => site.scopes.includes(scope)))

/** One sign-in of a site, with its secret. */
export class TestSite {
  readonly verifier = randomBytes(32).toString('base64url')
  readonly clientId: string
  readonly redirectUri: string

  constructor(clientId = SITE, redirectUri = CALLBACK) {
    this.clientId = clientId
    this.redirectUri = redirectUri
  }

  get challenge(): string {
    return createHash('sha256').update(this.verifier).digest('base64url')
  }

  /** @param changed '': left out */
  address(changed: Record<string, string> = {}): string {
    const fields = {
      response_type: 'code',
      client_id: this.clientId,
      redirect_uri: this.redirectUri,
      state: 'state-1',
      code_challenge: this.challenge,
      code_challenge_method: 'S256',
      scope: 'profile email',
      ...changed,
    }
    return `${INDIEAUTH.authorize}?${new URLSearchParams(Object.entries(fields).filter(([, value]) => value !== '')).toString()}`
  }

  /** Of an exchange. */
  fields(code: string, changed: Record<string, string> = {}): Record<string, string> {
    const fields = {
      grant_type: 'authorization_code',
      code,
      client_id: this.clientId,
      redirect_uri: this.redirectUri,
      code_verifier: this.verifier,
    }
    return Object.fromEntries(Object.entries({ ...fields, ...changed }).filter(([, value]) => value !== ''))
  }
}

export const agree = (browser: Browser, page: Seen, scopes: readonly string[] = ['profile', 'email']): Promise<Seen> =>
  allow(browser, page, scopes, {}, INDIEAUTH.authorize)

export const enter = (browser: Browser, page: Seen, changed: Record<string, string> = {}): Promise<Seen> =>
  signIn(browser, page, changed, INDIEAUTH.authorize)

/** In the browser that the pod lives in. */
export const codeFor = async (set: SitesStage, site: TestSite, scope = 'profile email'): Promise<string> => {
  const browser = set.browser('local')
  const { leadsTo } = await agree(browser, await browser.ask(site.address({ scope })))
  return leadsTo?.searchParams.get('code') ?? ''
}
