/** What happens in the pod, told to every open page of this origin. */
import { ACTIVITY_CHANNEL, type Activity } from '../../wire/owner.ts'

/** Calls `listener` for all that happens from now on; the link state is said once more right away. Returns the stop function. */
export const onActivity = (listener: (activity: Activity) => void): (() => void) => {
  const channel = new BroadcastChannel(ACTIVITY_CHANNEL)
  channel.onmessage = ({ data }: MessageEvent<Activity>) => listener(data)
  channel.postMessage({ kind: 'link-wanted' } satisfies Activity)
  return () => channel.close()
}
