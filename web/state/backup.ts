/** The repo and its blobs as files: saved from this browser, and taken in again. */
import type { ExportedBlobs, PodSummary } from '../../wire/owner.ts'
import { askOwner } from '../uplink/register.ts'
import { changePod } from './pod.ts'
import { datedName, download } from './download.ts'
import { followed } from './progress.ts'
import { filesInTar, tarOf } from './tar.ts'
import type { TarEntry } from './tar.ts'

export const saveRepo = async (handle: string): Promise<void> =>
  download(await followed(() => askOwner<Blob>({ kind: 'export-repo' })), datedName(handle, 'car'))

/** One tar with a file per blob, named by its CID. @returns how many were saved */
export const saveBlobs = async (handle: string): Promise<number> => {
  const entries: TarEntry[] = []
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page = await askOwner<ExportedBlobs>({ kind: 'export-blobs', ...(cursor !== undefined && { cursor }) })
    entries.push(...page.blobs.map(({ cid, bytes }) => ({ name: nameOf(cid, bytes.type), content: bytes })))
    cursor = page.cursor
  }
  if (entries.length > 0) download(tarOf(entries), datedName(handle, 'blobs.tar'))
  return entries.length
}

const nameOf = (cid: string, type: string): string => {
  const ending = /^[a-z]+\/([a-z0-9]{2,5})$/.exec(type)?.[1]
  return ending === undefined ? cid : `${cid}.${ending}`
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
