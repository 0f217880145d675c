/**
 * FedCM while the tab is closed. Browsers are told the account all the same, by what the tab has left here for those that it knows; who wants to sign in to a site is led to a page of this host, which the
 * worker in the owner's browser answers.
 * @see docs/protocol.md, "FedCM"
 */
import { cookieValue, FEDCM_COOKIE } from '../../wire/device-cookie.ts'
import { answerBrowser, assertFedCm, FEDCM, FedCmRefusal } from '../../wire/fedcm.ts'
import { MAX_FEDCM_BODY_BYTES } from '../../wire/fedcm-limits.ts'
import { continuePathOf, questionOf, readFields } from '../../wire/fedcm-question.ts'
import { base64url } from 'multiformats/bases/base64'
import type { FrameOf, TabFrame } from '../../wire/frames.ts'
import type { RoomPort } from '../port.ts'
import { shortText } from '../short-text.ts'

/** What the tab left, as it is stored. */
type Left = Pick<FrameOf<TabFrame, 'fedcm'>, 'accounts' | 'sessions'>

const KEY = 'fedcm'

export class ClosedTab {
  readonly #port: Pick<RoomPort, 'storage' | 'origin' | 'now'>

  constructor(port: Pick<RoomPort, 'storage' | 'origin' | 'now'>) {
    this.#port = port
  }

  /** In place of what was left before. */
  async leave({ accounts, sessions }: Left): Promise<void> {
    const left = { accounts, sessions }
    // Each join says it again.
    if (JSON.stringify(await this.#port.storage.get(KEY)) !== JSON.stringify(left)) await this.#port.storage.put({ [KEY]: left })
  }

  async clear(): Promise<void> {
    await this.#port.storage.delete([KEY])
  }

  /**
   * The answer in the tab's place; null: not one of these addresses. The accounts are the same whoever answers. For anything else a tab that is expected back is waited for.
   * @param forward to the tab, if it is expected; it answers 503 when it did not come
   */
  async answer(request: Request, pathname: string, forward: ((request: Request) => Promise<Response>) | null): Promise<Response | null> {
    if (pathname === FEDCM.accounts) return this.#reply(request, () => this.#accounts(request))
    if (pathname !== FEDCM.assertion && pathname !== FEDCM.disconnect) return null
    const work = pathname === FEDCM.assertion ? this.#assert : this.#disconnect
    if (!forward) return this.#reply(request, () => work(request))
    const [first, second] = await twice(request)
    const answer = await forward(first)
    return answer.status === 503 ? this.#reply(second, () => work(second)) : answer
  }

  async #accounts(request: Request): Promise<Response> {
    const { accounts } = await this.#find(request)
    return new Response(accounts, { headers: { 'content-type': 'application/json; charset=utf-8' } })
  }

  readonly #assert = async (request: Request): Promise<Response> => {
    await this.#find(request)
    const question = questionOf(await readFields(request, shortBody), request)
    if (question.accountId !== `${this.#port.origin}/`) throw new FedCmRefusal('OtherAccount')
    return Response.json({ continue_on: continuePathOf(question) })
  }

  /** The tab alone can forget a site. */
  readonly #disconnect = async (request: Request): Promise<Response> => {
    await this.#find(request)
    throw new FedCmRefusal('Asleep')
  }

  /** What was left for the browser that asks. @throws FedCmRefusal NotFedCm | NotSignedIn */
  async #find(request: Request): Promise<Left> {
    assertFedCm(request)
    const left = await this.#port.storage.get<Left>(KEY)
    const [, secret] = /^[\w-]+\.([\w-]+)$/.exec(cookieValue(request.headers.get('cookie'), FEDCM_COOKIE) ?? '') ?? []
    if (!left || secret === undefined) throw new FedCmRefusal('NotSignedIn')
    const digest = await digestOf(secret)
    const now = this.#port.now()
    if (!left.sessions.some((each) => each.digest === digest && each.until > now)) throw new FedCmRefusal('NotSignedIn')
    return left
  }

  #reply(request: Request, work: () => Promise<Response>): Promise<Response> {
    return answerBrowser(request, this.#port.origin, work, (cause) => console.error('room: a request by FedCM failed', cause))
  }
}

/** The tab may read it, and then the room. */
const twice = async (request: Request): Promise<[Request, Request]> => {
  const { url, method, headers } = request
  const body = await shortBody(request).catch(() => '')
  const copy = () => new Request(url, { method, headers, ...(method === 'POST' && { body }) })
  return [copy(), copy()]
}

const shortBody = (request: Request): Promise<string> => shortText(request, MAX_FEDCM_BODY_BYTES)

/** As the tab makes it. SHA-256 of 256 random bits tells nothing of them, so that it need not be compared in constant time. */
const digestOf = async (text: string): Promise<string> =>
  base64url.baseEncode(new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))))
