/** How the repo engine bears large repos, in the tab itself: what a commit costs at each size, and what an import and an export take of the worker's heap. */
import { makeRepoCar } from './repo-car.ts'
import { withWorker } from './worker-page.ts'

/** Of the repos; the worker's is the same. */
const DID = 'did:web:bench.example'
const SIZES = [1_000, 10_000, 100_000] as const
const LARGEST = 100_000
/** Of the largest commit p50 to the smallest. */
const TARGET_RATIO = 1.5
const TARGET_HEAP_MB = 150

export const reportGrowth = async (say: (line: string) => void): Promise<void> => {
  const files = new Map<string, Uint8Array>()
  for (const size of SIZES) files.set(`/${size}.car`, await makeRepoCar(DID, size))
  await withWorker('growth-worker.ts', files, async ({ ask, heapGrowth }) => {
    say('\na commit in a repo of that many records, in the tab itself, medians')
    const commits: number[] = []
    for (const size of SIZES) {
      let importMs = 0
      const grown = await heapGrowth(async () => (importMs = await ask<number>(`import ${size}`)))
      const commitMs = await ask<number>('commit')
      commits.push(commitMs)
      say(`${`${size} records`.padEnd(36)}${commitMs.toFixed(2)} ms   imported at ${((1000 * size) / importMs).toFixed(0)} records/s`)
      if (size === LARGEST) sayHeap(say, `import of ${size}, heap growth`, grown)
    }
    const ratio = commits.at(-1)! / commits[0]!
    say(`${'largest ÷ smallest'.padEnd(36)}${ratio.toFixed(2)}      target ≤ ${TARGET_RATIO} ${ratio <= TARGET_RATIO ? 'met' : 'MISSED'}`)
    let exportMs = 0
    const grown = await heapGrowth(async () => (exportMs = await ask<number>('export')))
    sayHeap(say, `export of ${LARGEST}, heap growth`, grown)
    const megabytes = (files.get(`/${LARGEST}.car`)?.length ?? 0) / 1e6
    say(`${`export of ${LARGEST}`.padEnd(36)}${(megabytes / (exportMs / 1000)).toFixed(0)} MB/s`)
  })
}

const sayHeap = (say: (line: string) => void, what: string, bytes: number): void => {
  const megabytes = bytes / 1e6
  say(`${what.padEnd(36)}${megabytes.toFixed(0)} MB     target < ${TARGET_HEAP_MB} MB ${megabytes < TARGET_HEAP_MB ? 'met' : 'MISSED'}`)
}
