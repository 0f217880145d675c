/** Which way in was chosen, what came of it, and the way back from another server's page. */
import { signal } from '@preact/signals'
import { beginAtproto, finishAtproto } from '../roads/atproto.ts'
import { ANY, disconnect, type FedcmOptions, hasFedcm, signInByFedcm, USUAL_OPTIONS } from '../roads/fedcm.ts'
import { beginIndieAuth, finishIndieAuth } from '../roads/indieauth.ts'
import type { Identity } from '../roads/indieauth-client.ts'
import { takePending } from './pending.ts'
import { clearTrace, continueTrace } from './trace.ts'

export type Road = 'fedcm' | 'fedcm-any' | 'indieauth' | 'atproto'

export interface RoadText {
  readonly title: string
  readonly line: string
  readonly about: string
  readonly button: string
}

export const ROADS: Readonly<Record<Road, RoadText>> = {
  fedcm: {
    title: 'FedCM',
    line: 'The browser’s own dialog, one click',
    about:
      'This site names the server. The browser asks it who is signed in, shows name and picture in a dialog of its own, and hands the site a code only after a click. No redirect, no pop-up, and the server does not hear of the site before the click.',
    button: 'Sign in with the browser',
  },
  'fedcm-any': {
    title: 'FedCM, any server',
    line: 'The site names no server at all',
    about:
      'The visitor has told the browser once: “this is my server”. From then on a site asks for “any” that speaks IndieAuth, and needs no list of providers. Chromium has this behind two flags (FedCmIdPRegistration, FedCmLightweightMode); with them the pod’s Account page has a button that registers it.',
    button: 'Sign in with any server',
  },
  indieauth: {
    title: 'IndieAuth',
    line: 'Your address is your name; a redirect',
    about:
      'Works in every browser. The site looks at the address for its server, sends the visitor there, and gets a code back. Then it asks the address itself whether that server may speak for it.',
    button: 'Sign in with this address',
  },
  atproto: {
    title: 'AT Protocol',
    line: 'For apps that act in your name',
    about:
      'The full OAuth of the AT Protocol: the request is pushed to the server beforehand, tokens are bound to a key that never leaves this page, and the owner decides what the app may do. Here it asks for nothing but who you are.',
    button: 'Sign in to this app',
  },
}

export const isRoad = (text: string): text is Road => Object.hasOwn(ROADS, text)

const POD_KEY = 'pod'
const USUAL_POD = 'http://localhost:1999'

export const pod = signal(localStorage.getItem(POD_KEY) ?? USUAL_POD)
export const road = signal<Road>(hasFedcm() ? 'fedcm' : 'indieauth')
export const options = signal<FedcmOptions>(USUAL_OPTIONS)
export const isBusy = signal(false)
export const known = signal<{ readonly road: Road; readonly identity: Identity } | null>(null)

/** @returns the address's origin, or null where it is none. A bare name means https, as in an address bar. */
export const podOrigin = (): string | null => {
  const text = pod.value.trim()
  const url = URL.parse(/^https?:\/\//i.test(text) ? text : `https://${text}`)
  return url && url.hostname !== '' ? url.origin : null
}

export const signIn = async (): Promise<void> => {
  const origin = podOrigin()
  if (origin === null || isBusy.value) return
  localStorage.setItem(POD_KEY, pod.value.trim())
  clearTrace()
  known.value = null
  await whileBusy(async () => {
    switch (road.value) {
      case 'fedcm':
        return signInByFedcm(configOf(origin), options.value)
      case 'fedcm-any':
        return signInByFedcm(ANY, options.value)
      case 'indieauth':
        await beginIndieAuth(`${origin}/`, options.value.scope)
        return null
      case 'atproto':
        await beginAtproto(origin)
        return null
    }
  })
}

/** The second half, on the page that the browser came back to. */
export const goOn = async (): Promise<void> => {
  const answer = new URL(location.href)
  if (!answer.searchParams.has('state')) return
  history.replaceState(null, '', location.pathname)
  const pending = takePending()
  if (!pending) return
  pod.value = pending.road === 'indieauth' ? new URL(pending.pod).origin : pending.pod
  road.value = pending.road
  continueTrace(pending.steps)
  await whileBusy(() => (pending.road === 'indieauth' ? finishIndieAuth(answer, pending) : finishAtproto(answer, pending.pod)))
}

export const forgetSite = async (): Promise<void> => {
  const origin = podOrigin()
  if (origin === null || !known.value) return
  clearTrace()
  // The hint may be anything that the server knows the account by.
  const { me } = known.value.identity
  await whileBusy(async () => {
    await disconnect(configOf(origin), me)
    return null
  })
}

const configOf = (origin: string): string => `${origin}/fedcm/config.json`

/** What goes wrong stands in the trace, at the step that failed. */
const whileBusy = async (work: () => Promise<Identity | null>): Promise<void> => {
  isBusy.value = true
  try {
    const identity = await work()
    known.value = identity && { road: road.value, identity }
  } catch (cause) {
    console.warn('the sign-in ended', cause)
  } finally {
    isBusy.value = false
  }
}
