/** What the app calls once a pod lives in this profile: from then on one of its pages keeps it reachable. */
import { ACTIVITY_CHANNEL, type Activity, type LinkState } from '../../wire/owner.ts'
import { lead } from './leader.ts'
import { openPipe } from './pipe.ts'
import { findWorker } from './register.ts'

export interface UplinkStart {
  /** Claim token of the room, from the address's fragment; needed only until the room is bound. */
  readonly claim?: string
}

/** Leads when it is this page's turn. The link state comes by `onActivity`. Returns the stop function; after a refusal, stop and start again to retry. */
export const startUplink = ({ claim }: UplinkStart = {}): (() => void) =>
  lead(() => {
    const channel = new BroadcastChannel(ACTIVITY_CHANNEL)
    let current: LinkState = { state: 'connecting' }
    const say = (): void => channel.postMessage({ kind: 'link', link: current } satisfies Activity)
    channel.onmessage = ({ data }: MessageEvent<Activity>) => {
      if (data.kind === 'link-wanted') say()
    }
    const closePipe = openPipe({
      worker: findWorker,
      claim,
      onLink: (link) => {
        current = link
        say()
      },
    })
    return () => {
      closePipe()
      channel.close()
    }
  })
