/** An account brought back into a browser that knows nothing of it: recovery file, passphrase, and the relay's copy. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { RoomStatus } from '../../wire/frames.ts'
import { ClaimField } from '../components/claim-field.tsx'
import { PageHead } from '../components/page-head.tsx'
import { ProgressLine } from '../components/progress-line.tsx'
import { RecoveryForm } from '../components/recovery-form.tsx'
import { createAttempt } from '../state/attempt.ts'
import { claimProblem, keptClaim } from '../state/claim.ts'
import { readRecoveryFile, restorePod } from '../state/recovery.ts'

export const Restore = ({ room }: { readonly room: RoomStatus }) => {
  const attempt = useMemo(createAttempt, [])
  const claim = useSignal('')
  const claimTrouble = useSignal<string | null>(null)
  // A room that still knows the account is turned by the recovery key; a new one wants to be claimed like any other.
  const asksForClaim = !room.bound && room.policy === 'token' && keptClaim(sessionStorage) === null
  const restore = (file: File, passphrase: string): void => {
    claimTrouble.value = asksForClaim ? claimProblem(claim.value) : null
    if (claimTrouble.value === null) void attempt.run(async () => restorePod(await readRecoveryFile(file), passphrase, claim.value.trim()))
  }
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
          <div role="status">
            <p>Keep this tab open until it is done.</p>
            <ProgressLine idle="Opening the recovery file…" />
          </div>
        )}
        {/* Hidden, not gone: after a failure the file and the passphrase are still there. */}
        <div hidden={attempt.busy.value}>
          {room.bound && room.recoveryKey === null && (
            <p class="warning">
              The relay knows of no recovery file for this account. Unless one was made a moment ago, only the browser profile that created
              it can open it.
            </p>
          )}
          <RecoveryForm attempt={attempt} label="Restore here" busy="Restoring…" look="main" onSubmit={restore}>
            {asksForClaim && <ClaimField claim={claim} problem={claimTrouble} />}
          </RecoveryForm>
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
