import type { RecoveryCheck } from '../../wire/owner.ts'
import { restorable } from '../state/recovery.ts'
import { formatMoment } from '../state/date.ts'

/** The verdict first, then what would come back, then what is in the way. */
export const CheckResult = ({ check }: { readonly check: RecoveryCheck }) => (
  <div class="verdict" data-good={check.problems.length === 0} data-testid="verdict">
    <p class="strong">{check.problems.length === 0 ? 'A restore would work.' : 'A restore would not work as it should.'}</p>
    <ul class="plain-list">
      <li>
        For <span class="value">{check.handle}</span>, made on {formatMoment(check.madeAt)}.
      </li>
      {restorable(check).map((line) => (
        <li key={line}>{line}</li>
      ))}
      {check.problems.map((problem) => (
        <li key={problem} class="alarm-text">
          {problem}
        </li>
      ))}
    </ul>
  </div>
)
