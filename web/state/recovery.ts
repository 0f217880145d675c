/** The recovery file: made, tried out, and used in a browser that has lost everything. */
import type { PodSummary, RecoveryCheck, RecoveryFile } from '../../wire/owner.ts'
import { askOwner } from '../uplink/register.ts'
import { enterHome } from './creation.ts'
import { changePod } from './pod.ts'
import { followed } from './progress.ts'
import { formatCount } from './size.ts'

/** Preferences are the largest thing in it, and a pod holds them to less. */
const MAX_FILE_BYTES = 16_000_000

export const makeRecoveryFile = async (passphrase: string): Promise<RecoveryFile> => {
  const file = await askOwner<RecoveryFile>({ kind: 'make-recovery-file', passphrase })
  await changePod({ kind: 'describe' })
  return file
}

export const checkRecoveryFile = (file: string, passphrase: string): Promise<RecoveryCheck> =>
  followed(() => askOwner<RecoveryCheck>({ kind: 'check-recovery-file', file, passphrase }))

/** Ends on the home page of the restored pod. No claim token is needed: the recovery key turns the room. */
export const restorePod = async (file: string, passphrase: string): Promise<void> => {
  const summary = await followed(() => askOwner<PodSummary>({ kind: 'restore', file, passphrase }))
  await enterHome(summary, '')
}

/** The text of a chosen file. @throws Error whose message says what is wrong with it */
export const readRecoveryFile = async (file: Blob): Promise<string> => {
  if (file.size > MAX_FILE_BYTES) throw new Error('This file is too large to be a recovery file.')
  const text = await file.text()
  try {
    if (typeof JSON.parse(text) === 'object') return text
  } catch {
    // Said below: it is no JSON.
  }
  throw new Error('This is not a recovery file. It would be the .json file that this page once gave you.')
}

/** What a restore from the file would bring back, one fact a line. */
export const restorable = ({ mirror }: RecoveryCheck): readonly string[] =>
  mirror === null
    ? []
    : [
        `${formatCount(mirror.records)} ${mirror.records === 1 ? 'record' : 'records'} in the relay’s copy.`,
        mirror.missingBlobs === 0
          ? `${formatCount(mirror.blobs)} ${mirror.blobs === 1 ? 'picture or video' : 'pictures and videos'}, none missing.`
          : `${formatCount(mirror.blobs)} pictures and videos; ${formatCount(mirror.missingBlobs)} more are mentioned but not in the copy.`,
      ]

/** A passphrase typed twice. `second` is null until the person has been there. */
export const repeatProblem = (first: string, second: string): string | null =>
  first === second ? null : 'The two are not the same. Type it once more.'
