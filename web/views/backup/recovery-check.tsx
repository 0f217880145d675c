/** Whether a restore from a file would work now, found out before it is needed. */
import { useSignal } from '@preact/signals'
import { useMemo } from 'preact/hooks'
import type { RecoveryCheck } from '../../../wire/owner.ts'
import { RecoveryForm } from '../../components/recovery-form.tsx'
import { CheckResult } from '../../components/check-result.tsx'
import { createAttempt } from '../../state/attempt.ts'
import { checkRecoveryFile, readRecoveryFile } from '../../state/recovery.ts'

export const RecoveryCheckForm = () => {
  const result = useSignal<RecoveryCheck | null>(null)
  const attempt = useMemo(createAttempt, [])
  const check = (file: File, passphrase: string): void => {
    result.value = null
    void attempt.run(async () => (result.value = await checkRecoveryFile(await readRecoveryFile(file), passphrase)))
  }
  return (
    <section class="card" aria-labelledby="recovery-check-title">
      <h2 id="recovery-check-title">Check that a restore would work</h2>
      <p>Tries a file out without changing anything. Do it once after you made the file, and now and then later.</p>
      <RecoveryForm attempt={attempt} label="Check it" busy="Checking…" onSubmit={check} onChange={() => (result.value = null)} />
      <div role="status">{result.value && <CheckResult check={result.value} />}</div>
    </section>
  )
}
