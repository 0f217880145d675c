/** The firehose with many subscribers, and what a consumer that was away gets again. */
import { createPost, type Measure } from './measures.ts'
import { inParallel, median } from './statistics.ts'
import { subscribeMany } from './subscribers.ts'

const SUBSCRIBERS = 200
const WRITES = 400
const WRITERS = 16
const SINGLE_WRITES = 40
/** What a replay is made of, beside what the measures before have written. */
const REPLAYED = 3_000

export const firehoseMeasures: readonly Measure[] = [
  {
    name: `${SUBSCRIBERS} subscribers, delivered`,
    unit: '/s',
    target: 3,
    run: async ({ side, client }) => {
      const subscribers = await subscribeMany(side.url, SUBSCRIBERS, null)
      const startMs = performance.timeOrigin + performance.now()
      const arrived = subscribers.until(WRITES)
      await inParallel(WRITES, WRITERS, (n) => createPost(client, `delivered ${n}`))
      const { allMs } = await arrived
      await subscribers.close()
      return (SUBSCRIBERS * WRITES) / ((allMs - startMs) / 1000)
    },
  },
  {
    name: `write → ${SUBSCRIBERS} subscribers p50`,
    unit: 'ms',
    target: 0.25,
    run: async ({ side, client }) => {
      const subscribers = await subscribeMany(side.url, SUBSCRIBERS, null)
      const arrived = subscribers.until(SINGLE_WRITES)
      const sentMs: number[] = []
      for (let n = 0; n < SINGLE_WRITES; n++) {
        sentMs.push(performance.timeOrigin + performance.now())
        await createPost(client, `one of ${SINGLE_WRITES}`)
      }
      const { medianMs } = await arrived
      await subscribers.close()
      return median(medianMs.map((ms, n) => ms - sentMs[n]!))
    },
  },
  {
    name: 'replay, events',
    unit: '/s',
    target: 3,
    run: async ({ side, client }) => {
      const first = await subscribeMany(side.url, 1, 0)
      const there = await first.settled()
      await first.close()
      await inParallel(Math.max(0, REPLAYED - there), WRITERS, (n) => createPost(client, `replayed ${n}`))
      const frames = Math.max(there, REPLAYED)
      const again = await subscribeMany(side.url, 1, 0)
      const { dialledMs, allMs } = await again.until(frames)
      await again.close()
      return frames / ((allMs - dialledMs) / 1000)
    },
  },
]
