/** Runs in a dedicated worker of a real Chromium page: a repo that was imported, written to, and exported. The message says which size, and what to do. */
import { makeKeys, openVault } from '../sw/identity/key-vault.ts'
import { Repo } from '../sw/repo/repo.ts'
import { openStore } from '../sw/store/open.ts'
import { median, timed } from './statistics.ts'

/** As in the CARs that it fetches. */
const DID = 'did:web:bench.example'

const WARM_UP = 50
const WRITES = 300

let repo: Repo | undefined

const present = (): Repo => {
  if (!repo) throw new Error('nothing was imported')
  return repo
}

/** What can be asked, each with the milliseconds it took, writes with their median. */
const commands: Readonly<Record<string, (records: number) => Promise<number>>> = {
  import: async (records) => {
    await repo?.close()
    repo = await Repo.create(await openStore(`growth-${crypto.randomUUID()}`), await openVault(await makeKeys()), DID)
    const { body } = await fetch(`/${records}.car`)
    if (!body) throw new Error(`there is no repo of ${records} records`)
    return timed(() => present().import(body))
  },
  commit: async () => {
    const samples: number[] = []
    for (let n = 0; n < WARM_UP + WRITES; n++) {
      const record = { $type: 'app.bsky.feed.post', text: `a post like any other, number ${n}`, createdAt: new Date().toISOString() }
      const ms = await timed(() => present().write([{ action: 'create', collection: 'app.bsky.feed.post', record }]))
      if (n >= WARM_UP) samples.push(ms)
    }
    return median(samples)
  },
  export: () => timed(() => present().car().pipeTo(new WritableStream())),
}

self.onmessage = async ({ data }: MessageEvent<string>): Promise<void> => {
  const [command = '', records] = data.split(' ')
  self.postMessage(await commands[command]?.(Number(records)))
}
