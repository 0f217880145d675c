/**
 * Sites ask the browser who its user is (FedCM). It answers for this pod once it knows that somebody is signed in here, which only a page of this host can tell it.
 * @see https://w3c-fedid.github.io/FedCM/#login-status
 */
import { signal } from '@preact/signals'
import { FEDCM, pushedStatus } from '../../wire/fedcm.ts'

export type Offer = 'unsupported' | 'waiting' | 'offered' | 'signed-out'

/** What TypeScript's library lacks. */
interface BrowserWithFedCm {
  readonly navigator: {
    readonly login?: { setStatus(status: 'logged-in', known?: object): Promise<void> }
  }
  readonly IdentityProvider?: { register?(configUrl: string): Promise<boolean> }
  readonly IdentityCredential?: unknown
}
const browser = globalThis as unknown as BrowserWithFedCm

export const offer = signal<Offer>(browser.navigator.login && browser.IdentityCredential ? 'waiting' : 'unsupported')
/** Whether this browser lets somebody name the servers that sites may ask when they ask for any. @see https://github.com/w3c-fedid/idp-registration */
export const canRegister = typeof browser.IdentityProvider?.register === 'function'
export const isRegistered = signal(false)

/** Once the pod is online: the room sets the cookie that the browser will ask by. Again is harmless; what fails is tried at the next time. */
export const offerToSites = async (): Promise<void> => {
  const { login } = browser.navigator
  if (!login || offer.value === 'unsupported' || offer.value === 'offered') return
  const begun = await fetch(FEDCM.session, { method: 'POST' }).catch(() => null)
  if (!begun?.ok) {
    if (begun?.status === 401) offer.value = 'signed-out'
    return
  }
  await tellBrowser(login)
  offer.value = 'offered'
}

/** @throws what the browser throws: it has not asked, or the owner said no */
export const registerForAny = async (): Promise<void> => {
  await browser.IdentityProvider?.register?.(`${location.origin}${FEDCM.config}`)
  isRegistered.value = true
}

/** Some browsers take the account along, and then need not ask; others refuse a second argument by a TypeError. */
const tellBrowser = async (login: NonNullable<BrowserWithFedCm['navigator']['login']>): Promise<void> => {
  const answer = await fetch(FEDCM.accounts).catch(() => null)
  const { accounts = [] } = answer?.ok ? ((await answer.json()) as { readonly accounts?: Parameters<typeof pushedStatus>[0] }) : {}
  if (accounts.length === 0) return login.setStatus('logged-in')
  await login.setStatus('logged-in', pushedStatus(accounts)).catch(() => login.setStatus('logged-in'))
}
