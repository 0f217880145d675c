/** An account brought back into a browser that knows nothing of it: recovery file, passphrase, and the relay's copy. */
import { useMemo } from 'preact/hooks'
import type { RoomStatus } from '../../wire/frames.ts'
import { PageHead } from '../components/page-head.tsx'
import { ProgressLine } from '../components/progress-line.tsx'
import { RecoveryForm } from '../components/recovery-form.tsx'
import { createAttempt } from '../state/attempt.ts'
import { readRecoveryFile, restorePod } from '../state/recovery.ts'

export const Restore = ({ room }: { readonly room: RoomStatus }) => {
  const attempt = useMemo(createAttempt, [])
  const restore = (file: File, passphrase: string): void =>
    void attempt.run(async () => restorePod(await readRecoveryFile(file), passphrase))
  return (
    <main class="page page-inner page-single" data-testid="restore">
      <PageHead title="Restore your account">
        {room.bound && room.handle ? (
          <>
            Brings <strong>{room.handle}</strong> into this browser: keys anew, posts and pictures from the relay’s copy, private settings
            from your recovery file.
          </>
        ) : (
          'Brings your account into this browser: keys anew, posts and pictures from the relay’s copy, private settings from your recovery file.'
        )}
      </PageHead>
      <section class="card" aria-labelledby="restore-title">
        <h2 id="restore-title">{attempt.busy.value ? 'Restoring' : 'What you need'}</h2>
        {attempt.busy.value && (
          <>
            <p role="status">Keep this tab open until it is done.</p>
            <ProgressLine idle="Opening the recovery file…" />
          </>
        )}
        {/* Hidden, not gone: after a failure the file and the passphrase are still there. */}
        <div hidden={attempt.busy.value}>
          {!room.bound && (
            <p class="warning">
              The relay keeps no account at this address, so there is nothing here to restore from. A recovery file works at the address
              that it was made at.
            </p>
          )}
          {room.bound && room.recoveryKey === null && (
            <p class="warning">
              The relay knows of no recovery file for this account. Unless one was made a moment ago, only the browser profile that created
              it can open it.
            </p>
          )}
          <RecoveryForm attempt={attempt} label="Restore here" busy="Restoring…" look="main" onSubmit={restore} />
        </div>
      </section>
      <div class="afterword" hidden={attempt.busy.value}>
        <p class="quiet">
          The browser that had the account before is put out: it can no longer write or come online as you. Is that profile still there?
          Then just open this address in it: nothing needs restoring.
        </p>
        <p>
          <a href="#">Back</a>
        </p>
      </div>
    </main>
  )
}
