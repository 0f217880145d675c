/** The road to the tab and back: a request that no mirror answers, and that is little work where it ends. */
import type { Measure, Subject } from './measures.ts'
import { inParallel, median, timed } from './statistics.ts'

const SEQUENTIAL = 500
const PARALLEL = 2_000
const CLIENTS = 16

const roundTrip = ({ client }: Subject): Promise<unknown> => client.get('/xrpc/com.atproto.server.getSession')

export const tunnelMeasures: readonly Measure[] = [
  {
    name: 'getSession p50, 1 client',
    unit: 'ms',
    target: { own: 2 },
    run: async (subject) => {
      const samples: number[] = []
      for (let n = 0; n < SEQUENTIAL; n++) samples.push(await timed(() => roundTrip(subject)))
      return median(samples)
    },
  },
  {
    name: `getSession, ${CLIENTS} clients`,
    unit: '/s',
    target: { own: 1_000 },
    run: async (subject) => PARALLEL / ((await timed(() => inParallel(PARALLEL, CLIENTS, () => roundTrip(subject)))) / 1000),
  },
]
