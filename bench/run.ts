/**
 * `npm run bench`: ours beside the reference PDS, in one run, round by round in turn, so that a noisy machine is noisy for both.
 * Medians of the rounds; ratios are what counts. Options: `--rounds N` (default 5), `--only TEXT` (measures whose name contains it; `room`,
 * `growth`, `tab`, `authorize page` and `FedCM` are the parts that run without a reference). `TABPOD_RUNTIME=wrangler`: ours on the other runtime.
 */
import { parseArgs } from 'node:util'
import { reportAuthorizePage } from './authorize-page.ts'
import { signIn } from './client.ts'
import { reportFedCm } from './fedcm.ts'
import { firehoseMeasures } from './firehose.ts'
import { reportGrowth } from './growth.ts'
import { reportInTab } from './in-tab.ts'
import { importMeasures, largeMeasures, prepareLarge } from './large.ts'
import { type Measure, measures, prepare, type Subject } from './measures.ts'
import { mirrorMeasures } from './mirror.ts'
import { reportRoom } from './room.ts'
import { oauthMeasures } from './oauth.ts'
import { startOurs, startReference } from './sides.ts'
import { median } from './statistics.ts'
import { tunnelMeasures } from './tunnel.ts'

/** In this order: what imports comes after what writes, because an import replaces the repo. */
interface Suite {
  readonly measures: readonly Measure[]
  /** Brings a side to where the suite starts from. */
  prepare(subject: Subject, progress: (line: string) => void): Promise<void>
}

const suites: readonly Suite[] = [
  { measures: tunnelMeasures, prepare: async () => {} },
  { measures: firehoseMeasures, prepare: async () => {} },
  { measures: oauthMeasures, prepare: async () => {} },
  { measures: [...measures, ...mirrorMeasures], prepare },
  { measures: importMeasures, prepare: async () => {} },
  { measures: largeMeasures, prepare: prepareLarge },
]

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, only: { type: 'string', default: '' } } })
const rounds = Number(options.rounds)

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const progress = (line: string): void => void process.stderr.write(`${line}\n`)
const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2))

const compare = async (measure: Measure, subjects: readonly Subject[]): Promise<void> => {
  const samples = new Map(subjects.map((subject) => [subject, [] as number[]]))
  for (let round = 0; round < Math.min(rounds, measure.rounds ?? rounds); round++) {
    for (const subject of subjects) samples.get(subject)?.push(await measure.run(subject))
  }
  const [mine = Number.NaN, theirs = Number.NaN] = subjects.map((subject) => median(samples.get(subject) ?? []))
  const ratio = mine / theirs
  const { target, unit } = measure
  const [reached, wanted, as] = typeof target === 'number' ? [ratio, target, '×'] : [mine, target.own, ` ${unit}`]
  const [sign, met] = unit === 'ms' ? ['≤', reached <= wanted] : ['≥', reached >= wanted]
  say(
    `${measure.name.padEnd(32)}${`${figure(mine)} ${measure.unit}`.padStart(12)}${`${figure(theirs)} ${measure.unit}`.padStart(12)}` +
      `${ratio.toFixed(2).padStart(8)}   ${sign} ${wanted}${as} ${met ? 'met' : 'MISSED'}`,
  )
}

const chosen = suites
  .map(({ measures, prepare }) => ({ prepare, measures: measures.filter(({ name }) => name.includes(options.only)) }))
  .filter((suite) => suite.measures.length > 0)

if (chosen.length > 0) {
  progress('starting both sides …')
  const ours = await startOurs()
  const reference = await startReference()
  try {
    const subjects: Subject[] = []
    for (const side of [ours, reference]) subjects.push({ side, client: await signIn(side) })
    say(
      `\n${'measure'.padEnd(32)}${'tabpod'.padStart(12)}${'reference'.padStart(12)}${'ratio'.padStart(8)}   target   (medians of up to ${rounds} rounds)`,
    )
    for (const suite of chosen) {
      for (const subject of subjects) {
        progress(`preparing ${subject.side.name} …`)
        await suite.prepare(subject, progress)
      }
      for (const measure of suite.measures) await compare(measure, subjects)
    }
    for (const { client } of subjects) client.close()
  } finally {
    await Promise.all([ours.stop(), reference.stop()])
  }
}

if ('room'.includes(options.only)) await reportRoom(say)
if ('growth'.includes(options.only)) await reportGrowth(say)
if ('tab'.includes(options.only)) await reportInTab(say)
if ('authorize page'.includes(options.only)) await reportAuthorizePage(say)
if ('FedCM'.includes(options.only)) await reportFedCm(say)
