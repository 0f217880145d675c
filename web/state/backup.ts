/** The repo and its blobs as files: saved from this browser, and taken in again. Reads are answered by the worker itself. */
import type { PodSummary } from '../../wire/owner.ts'
import { askOwner } from '../uplink/register.ts'
import { changePod } from './pod.ts'
import { datedName, download } from './download.ts'
import { followed, progress } from './progress.ts'
import { filesInTar, tarOf } from './tar.ts'
import type { TarEntry } from './tar.ts'

const LIST_LIMIT = '1000'

export const saveRepo = async (did: string, handle: string): Promise<void> => {
  const answer = await read('com.atproto.sync.getRepo', { did })
  download(await answer.blob(), datedName(handle, 'car'))
}

/** One tar with a file per blob, named by its CID. @returns how many were saved, and how many could not be read */
export const saveBlobs = async (did: string, handle: string): Promise<{ readonly saved: number; readonly unread: number }> => {
  const cids = await listBlobs(did)
  const entries: TarEntry[] = []
  try {
    for (const [index, cid] of cids.entries()) {
      progress.value = { work: 'blobs', done: index, total: cids.length }
      const entry = await readBlob(did, cid).catch(() => null)
      if (entry) entries.push(entry)
    }
  } finally {
    progress.value = null
  }
  if (entries.length > 0) download(tarOf(entries), datedName(handle, 'blobs.tar'))
  return { saved: entries.length, unread: cids.length - entries.length }
}

const listBlobs = async (did: string): Promise<readonly string[]> => {
  const cids: string[] = []
  for (let cursor: string | undefined, more = true; more;) {
    const answer = await read('com.atproto.sync.listBlobs', { did, limit: LIST_LIMIT, ...(cursor !== undefined && { cursor }) })
    const page = (await answer.json()) as { readonly cids: readonly string[]; readonly cursor?: string }
    cids.push(...page.cids)
    cursor = page.cursor
    more = cursor !== undefined && page.cids.length > 0
  }
  return cids
}

const readBlob = async (did: string, cid: string): Promise<TarEntry> => {
  const answer = await read('com.atproto.sync.getBlob', { did, cid })
  const content = await answer.blob()
  const ending = /^[a-z]+\/([a-z0-9]{2,5})$/.exec(content.type)?.[1]
  return { name: ending === undefined ? cid : `${cid}.${ending}`, content }
}

/** @throws Error with the server's own message */
const read = async (nsid: string, parameters: Readonly<Record<string, string>>): Promise<Response> => {
  const answer = await fetch(`/xrpc/${nsid}?${new URLSearchParams(parameters)}`)
  if (answer.ok) return answer
  const said = (await answer.json().catch(() => null)) as { readonly message?: string } | null
  throw new Error(said?.message ?? `The answer was ${answer.status}.`)
}

/** Chosen or dropped files, told apart by their names: one repo at most, the rest blobs. */
export interface Luggage {
  readonly repo: File | null
  readonly archives: readonly File[]
  readonly blobs: readonly File[]
}

/** @throws Error whose message says what to do */
export const sortLuggage = (files: readonly File[]): Luggage => {
  const named = (ending: string): readonly File[] => files.filter(({ name }) => name.toLowerCase().endsWith(ending))
  const cars = named('.car')
  const archives = named('.tar')
  if (cars.length > 1) throw new Error('These are several repos. Choose the one .car file that is yours.')
  return { repo: cars[0] ?? null, archives, blobs: files.filter((file) => !cars.includes(file) && !archives.includes(file)) }
}

export const importRepo = async (car: Blob): Promise<void> => {
  await followed(() => askOwner({ kind: 'import-repo', car }))
  await changePod({ kind: 'describe' })
}

/** @returns counts: what records of the repo mention was taken, the rest refused */
export const importBlobs = async ({ archives, blobs }: Luggage): Promise<BlobCounts> => {
  const unpacked = await Promise.all(archives.map(filesInTar))
  const files = [...unpacked.flat().map(({ content }) => content), ...blobs]
  const counts = await followed(() => askOwner<BlobCounts>({ kind: 'import-blobs', files }))
  await changePod({ kind: 'describe' })
  return counts
}

export interface BlobCounts {
  readonly taken: number
  readonly refused: number
}

/** Putting another repo in place of one that people read and write would lose what is in it. */
export const mayImport = ({ standing, collections }: Pick<PodSummary, 'standing' | 'collections'>): boolean =>
  standing === 'arriving' || standing === 'deactivated' || collections.length === 0
