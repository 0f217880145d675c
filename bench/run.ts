/**
 * `npm run bench`: ours beside the reference PDS, in one run, round by round in turn, so that a noisy machine is noisy for both.
 * Medians of the rounds; ratios are what counts. Options: `--rounds N` (default 5), `--only TEXT` (measures whose name contains it).
 */
import { parseArgs } from 'node:util'
import { signIn } from './client.ts'
import { reportInTab } from './in-tab.ts'
import { measures, prepare } from './measures.ts'
import type { Subject } from './measures.ts'
import { startOurs, startReference } from './sides.ts'
import { median } from './statistics.ts'

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '5' }, only: { type: 'string', default: '' } } })
const rounds = Number(options.rounds)
const chosen = measures.filter((measure) => measure.name.includes(options.only))

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const progress = (line: string): void => void process.stderr.write(`${line}\n`)
const figure = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(2))

if (chosen.length > 0) {
  progress('starting both sides …')
  const ours = await startOurs()
  const reference = await startReference()
  try {
    const subjects: Subject[] = []
    for (const side of [ours, reference]) subjects.push({ side, client: await signIn(side) })
    for (const subject of subjects) {
      progress(`filling the repo of ${subject.side.name} …`)
      await prepare(subject)
    }
    say(
      `\n${'measure'.padEnd(32)}${'tabpod'.padStart(12)}${'reference'.padStart(12)}${'ratio'.padStart(8)}   target   (medians of ${rounds} rounds)`,
    )
    for (const measure of chosen) {
      const samples = new Map(subjects.map((subject) => [subject, [] as number[]]))
      for (let round = 0; round < rounds; round++) {
        for (const subject of subjects) samples.get(subject)?.push(await measure.run(subject))
      }
      const [mine = Number.NaN, theirs = Number.NaN] = subjects.map((subject) => median(samples.get(subject) ?? []))
      const ratio = mine / theirs
      const [sign, met] = measure.unit === 'ms' ? ['≤', ratio <= measure.target] : ['≥', ratio >= measure.target]
      say(
        `${measure.name.padEnd(32)}${`${figure(mine)} ${measure.unit}`.padStart(12)}${`${figure(theirs)} ${measure.unit}`.padStart(12)}` +
          `${ratio.toFixed(2).padStart(8)}   ${sign} ${measure.target}× ${met ? 'met' : 'MISSED'}`,
      )
    }
    for (const { client } of subjects) client.close()
  } finally {
    await Promise.all([ours.stop(), reference.stop()])
  }
}

await reportInTab(say)
