/** `/fedcm/error`: what the browser's dialog links to where a site got no token. The words are ours: nothing of the address is shown. @see https://w3c-fedid.github.io/FedCM/#dom-identitycredentialerrorinit-url */
import { type FedCmRefusal, refusalOf } from '../../wire/fedcm.ts'
import { errorPage } from '../oauth/pages/ending.ts'
import type { House } from '../oauth/pages/page.ts'

export const showReason = (house: House, query: URLSearchParams): Promise<Response> => {
  const refusal = refusalOf(query.get('reason') ?? '')
  return refusal
    ? refusedPage(house, refusal, 200)
    : errorPage(house, { title: 'Nothing here', message: 'No sign-in has this name.', status: 404 })
}

export const refusedPage = (house: House, { reason, code, message, status }: FedCmRefusal, as = status): Promise<Response> => {
  const [title, words] = WORDS[reason]
  return errorPage(house, { title, message: words ?? message, status: as, code: `${code}: ${reason}` })
}

const MISTAKE = 'The site asks in a way that this server does not take. Its makers can tell from the line below what is wrong.'

const WORDS: Readonly<Record<FedCmRefusal['reason'], readonly [title: string, words?: string]>> = {
  NotSignedIn: [
    'You are not signed in here',
    'This browser was signed out, or the password is another one now. Go back to the site and sign in again: your browser then asks you to sign in to your account first.',
  ],
  OtherAccount: [
    'Another account lives here',
    'The site asked for an account that is not the one at this address. Go back to the site and sign in again.',
  ],
  OtherSite: [
    'This site asks in the name of another',
    'It was not told who you are. If you trust it, its makers have made a mistake: the line below is for them.',
  ],
  NotFedCm: ['This is for your browser', 'Only the browser itself asks here, when a site wants to know who you are.'],
  BadRequest: ['This sign-in cannot go on', MISTAKE],
  BadParams: ['This sign-in cannot go on', MISTAKE],
  NoPkce: ['This sign-in cannot go on', MISTAKE],
  Asleep: ['This account’s tab is closed', 'Open it in the browser that it lives in, and try again.'],
  Failed: ['Something went wrong', 'The log of the pod says what.'],
}
