/** Events outside of any commit. @see https://atproto.com/specs/sync#event-types */
import { asMultiformatsCID, parseCid } from '@atproto/lex-data'
import { encodeEvent, type PodEvent } from '../../wire/event.ts'
import type { Head } from '../store/schema.ts'
import { writeCar } from './car.ts'
import type { RepoWriter } from './contract.ts'
import type { Plan } from './landing.ts'
import { type Author, outcomeOf, type Tip } from './plan.ts'

export type Announcement = Parameters<RepoWriter['announce']>[0]

export const planAnnouncement = ({ did, now }: Author, tip: Tip & { readonly head: Head }, announcement: Announcement): Plan => {
  const event = eventOf(announcement, did, tip)
  const number = tip.event + 1
  return {
    tip: { ...tip, event: number },
    outcome: outcomeOf(null, []),
    event: {
      event: number,
      kind: event.kind,
      at: now(),
      ...(event.kind === 'sync' && { rev: event.rev }),
      body: new Uint8Array(encodeEvent(event)),
    },
  }
}

const eventOf = (announcement: Announcement, did: string, tip: Tip & { readonly head: Head }): PodEvent => {
  switch (announcement.kind) {
    case 'identity':
      return { kind: 'identity', did, handle: announcement.handle }
    case 'account':
      return { kind: 'account', did, active: announcement.active, ...(announcement.status && { status: announcement.status }) }
    case 'sync': {
      const cid = asMultiformatsCID(parseCid(tip.head.commit))
      return { kind: 'sync', did, rev: tip.head.rev, blocks: writeCar(cid, [{ cid, bytes: tip.commitBlock }]) }
    }
  }
}
