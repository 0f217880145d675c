/** Subscribers of a firehose in a thread of their own, which look at nothing but how many frames have come, and when: what is measured is the server. */
import { parentPort, workerData } from 'node:worker_threads'
import { WebSocket } from 'ws'
import { median } from './statistics.ts'
import type { Arrivals, Wanted } from './subscribers.ts'

const { url, count, cursor } = workerData as { readonly url: string; readonly count: number; readonly cursor: number | null }
const address = `${url.replace(/^http/, 'ws')}/xrpc/com.atproto.sync.subscribeRepos${cursor === null ? '' : `?cursor=${cursor}`}`

/** Of each frame, when it came to each subscriber: ms since 1970. */
const times: number[][] = []
const got = Array.from({ length: count }, () => 0)
let wanted = Number.POSITIVE_INFINITY
let fullMs: number | null = null
let lastMs = 0
const now = (): number => performance.timeOrigin + performance.now()

const dialledMs = now()

const look = (): void => {
  if (fullMs !== null || got.some((each) => each < wanted)) return
  fullMs = lastMs
  const answer: Arrivals = { dialledMs, allMs: fullMs, medianMs: times.slice(0, wanted).map((each) => median(each)) }
  parentPort?.postMessage(answer)
}

await Promise.all(
  got.map(
    (_, n) =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(address, { perMessageDeflate: false })
        socket.once('open', resolve).once('error', reject)
        socket.on('message', () => {
          const frame = got[n]!
          got[n] = frame + 1
          lastMs = now()
          ;(times[frame] ??= []).push(lastMs)
          if (frame + 1 >= wanted) look()
        })
      }),
  ),
)
parentPort?.on('message', (message: Wanted | 'how many') => {
  if (message === 'how many') parentPort?.postMessage(Math.min(...got))
  else {
    wanted = message.frames
    look()
  }
})
parentPort?.postMessage('open')
