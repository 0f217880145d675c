/** How the server is: what could be wrong with it, each with what was found, and the log. */
import type { PodSummary } from '../../../wire/owner.ts'
import { PageHead } from '../../components/page-head.tsx'
import { Findings } from './findings.tsx'
import { LogCard } from './log.tsx'
import { Relays } from './relays.tsx'

export const HealthPage = ({ pod }: { readonly pod: PodSummary }) => (
  <main class="page page-inner page-health" data-testid="health">
    <PageHead title="Health">What this server knows of itself, and what it has done lately. Nobody else sees it.</PageHead>
    <div class="columns">
      <div class="column">
        <Findings pod={pod} />
        <Relays pod={pod} />
      </div>
      <LogCard handle={pod.handle} />
    </div>
  </main>
)
