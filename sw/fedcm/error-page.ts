/** `/fedcm/error`: what the browser's dialog links to where a site got no token. The words are ours: nothing of the address is shown. @see https://w3c-fedid.github.io/FedCM/#dom-identitycredentialerrorinit-url */
import { type FedCmRefusal, refusalOf } from '../../wire/fedcm.ts'
import { errorPage } from '../oauth/pages/ending.ts'
import type { House } from '../oauth/pages/page.ts'

export const showReason = (house: House, query: URLSearchParams): Promise<Response> => {
  const refusal = refusalOf(query.get('reason') ?? '')
  if (refusal) return refusedPage(house, refusal, 200)
  const { say } = house.words
  return errorPage(house, { title: say('error.NotFound'), message: say('fedcm.error.unknown'), status: 404 })
}

export const refusedPage = (house: House, { reason, code, status }: FedCmRefusal, as = status): Promise<Response> => {
  const [title, message] = WORDS[reason]
  const { say } = house.words
  return errorPage(house, { title: say(title), message: say(message), status: as, code: `${code}: ${reason}` })
}

const WORDS = {
  NotSignedIn: ['fedcm.error.NotSignedIn', 'fedcm.error.NotSignedIn.text'],
  OtherAccount: ['fedcm.error.OtherAccount', 'fedcm.error.OtherAccount.text'],
  OtherSite: ['fedcm.error.OtherSite', 'fedcm.error.OtherSite.text'],
  NotFedCm: ['fedcm.error.NotFedCm', 'fedcm.error.NotFedCm.text'],
  BadRequest: ['end.stuck', 'fedcm.error.mistake'],
  BadParams: ['end.stuck', 'fedcm.error.mistake'],
  NoPkce: ['end.stuck', 'fedcm.error.mistake'],
  Asleep: ['fedcm.error.Asleep', 'fedcm.error.Asleep.text'],
  Failed: ['error.failed', 'error.failed.text'],
} as const
