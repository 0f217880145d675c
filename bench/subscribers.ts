/** Subscribers of a side's firehose, as many as one likes, in a thread of their own. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

export interface Wanted {
  /** Of each subscriber. */
  readonly frames: number
}

export interface Arrivals {
  /** When the first of them dialled: ms since 1970. */
  readonly dialledMs: number
  /** When the last subscriber had the last of them: ms since 1970. */
  readonly allMs: number
  /** Of each frame: when half of the subscribers had it. */
  readonly medianMs: readonly number[]
}

export interface Subscribers {
  /** Resolves when each has so many frames. */
  until(frames: number): Promise<Arrivals>
  /** How many frames each has, once no more come for a while. */
  settled(): Promise<number>
  close(): Promise<unknown>
}

const SETTLED_MS = 1_500
const DEADLINE_MS = 120_000

/** @param cursor null: what comes next */
export const subscribeMany = async (url: string, count: number, cursor: number | null): Promise<Subscribers> => {
  const worker = new Worker(new URL('subscribers-worker.ts', import.meta.url), { workerData: { url, count, cursor } })
  const next = async (): Promise<unknown> => {
    const [message] = await once(worker, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) })
    return message
  }
  await next()
  const ask = (message: Wanted | 'how many'): Promise<unknown> => {
    const answer = next()
    worker.postMessage(message)
    return answer
  }
  return {
    until: async (frames) => (await ask({ frames })) as Arrivals,
    settled: async () => {
      let before = -1
      for (;;) {
        const now = (await ask('how many')) as number
        if (now === before && now > 0) return now
        before = now
        await new Promise((resolve) => setTimeout(resolve, SETTLED_MS))
      }
    },
    close: () => worker.terminate(),
  }
}
