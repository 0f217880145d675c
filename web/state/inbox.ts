/** The owner's inbox: codes that clients asked for. They wait here because a pod needs no e-mail service. */
import { computed, signal } from '@preact/signals'
import type { MailPurpose } from '../../wire/frames.ts'
import type { InboxMessage } from '../../wire/owner.ts'
import { askOwner } from '../uplink/register.ts'
import { sentenceOf } from './failure.ts'
import { say } from './spoken.ts'

/** How far "valid for 9 more minutes" may lag behind. */
const CLOCK_EVERY_MS = 10_000

/** Newest first; null: not read yet. */
export const inbox = signal<readonly InboxMessage[] | null>(null)
/** Why it could not be read. */
export const inboxProblem = signal<string | null>(null)
/** ms since 1970, moving on only while something waits. */
export const clock = signal(Date.now())
/** How many codes could be typed in now: what the badge shows. */
export const waiting = computed(() => inbox.value?.filter(({ expiresAt }) => expiresAt > clock.value).length ?? 0)

let ticking: ReturnType<typeof setInterval> | undefined

/** Never rejects. What is new since the last time is said aloud. */
export const readInbox = async (): Promise<void> => {
  try {
    const found = await askOwner<readonly InboxMessage[]>({ kind: 'inbox' })
    if (arrivedSince(inbox.value, found)) say('A code has arrived in your inbox.')
    inbox.value = found
    inboxProblem.value = null
  } catch (cause) {
    inboxProblem.value = sentenceOf(cause)
  }
  tick()
}

export const dismissMessage = async (id: string): Promise<void> => {
  await askOwner({ kind: 'dismiss-message', id })
  await readInbox()
}

/** `before` is null at the first reading: what waited already is no news. */
export const arrivedSince = (before: readonly InboxMessage[] | null, now: readonly InboxMessage[]): boolean =>
  before !== null && now.some(({ id }) => !before.some((known) => known.id === id))

const tick = (): void => {
  clock.value = Date.now()
  clearInterval(ticking)
  if (waiting.value === 0) return
  ticking = setInterval(() => {
    clock.value = Date.now()
    if (waiting.value === 0) clearInterval(ticking)
  }, CLOCK_EVERY_MS)
}

/** `asks`: what the client wants. `effect`: what happens when the code is typed in there. */
export const purposeOf = (purpose: MailPurpose): { readonly asks: string; readonly effect: string } => PURPOSES[purpose]

const PURPOSES: Readonly<Record<MailPurpose, { readonly asks: string; readonly effect: string }>> = {
  'confirm-email': {
    asks: 'An app asks to confirm your e-mail address.',
    effect: 'Type this code there, and the address counts as confirmed.',
  },
  'update-email': {
    asks: 'An app asks to change your e-mail address.',
    effect: 'Type this code there, and the new address takes the place of the old one.',
  },
  'reset-password': {
    asks: 'Somebody asks to reset your password.',
    effect: 'Whoever types this code in sets a new password. If it was not you, dismiss it: nothing happens then.',
  },
  'plc-operation': {
    asks: 'An app asks to change your identity.',
    effect: 'Whoever types this code in can move your account to another server. Use it only while you are moving.',
  },
  'delete-account': {
    asks: 'An app asks to delete your account.',
    effect: 'Type this code there, and the account with all it holds is gone for good.',
  },
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** How long a code can still be used, in words. Rounded down: better used too early than too late. */
export const validity = (expiresAt: number, now: number): string => {
  const left = expiresAt - now
  if (left <= 0) return 'No longer valid. Ask for a new one in the app.'
  if (left < MINUTE_MS) return 'Valid for less than a minute.'
  const [count, unit] = left < 2 * HOUR_MS ? [Math.floor(left / MINUTE_MS), 'minute'] : [Math.floor(left / HOUR_MS), 'hour']
  return `Valid for ${count} more ${unit}${count === 1 ? '' : 's'}.`
}
