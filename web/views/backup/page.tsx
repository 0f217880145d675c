/** What brings the account back when this browser profile is lost, and its content as plain files. */
import type { PodSummary } from '../../../wire/owner.ts'
import { PageHead } from '../../components/page-head.tsx'
import { Export } from './export.tsx'
import { Import } from './import.tsx'
import { RecoveryCheckForm } from './recovery-check.tsx'
import { RecoveryFileForm } from './recovery-file.tsx'

export const Backup = ({ pod }: { readonly pod: PodSummary }) => (
  <main class="page page-inner" data-testid="backup">
    {pod.standing === 'vacant' ? (
      <PageHead title="Backup">
        There is nothing to keep yet. Come back once your account has moved in. <a href="#">How to move one in</a>
      </PageHead>
    ) : (
      <>
        <PageHead title="Backup">
          Your keys live in this browser profile only. With a recovery file, losing the profile does not mean losing the account.
        </PageHead>
        <div class="pairs">
          <RecoveryFileForm pod={pod} />
          <RecoveryCheckForm />
          <Export pod={pod} />
          <Import pod={pod} />
        </div>
      </>
    )}
  </main>
)
