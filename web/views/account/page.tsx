/** How the account is called and reached, who may sign in, and whether it is on. */
import type { PodSummary } from '../../../wire/owner.ts'
import { PageHead } from '../../components/page-head.tsx'
import { DangerZone } from '../danger-zone.tsx'
import { AppPasswords } from './app-passwords.tsx'
import { Email } from './email.tsx'
import { Experts } from './experts.tsx'
import { Handle } from './handle.tsx'
import { Password } from './password.tsx'
import { SignedIn } from './signed-in.tsx'
import { Sites } from './sites.tsx'
import { SigningKey } from './signing-key.tsx'
import { Standing } from './standing.tsx'

export const Account = ({ pod }: { readonly pod: PodSummary }) => (
  <main class="page page-inner" data-testid="account">
    {pod.standing === 'vacant' ? (
      <PageHead title="Account">
        No account lives here yet. What can be set here comes with it. <a href="#">How to move one in</a>
      </PageHead>
    ) : (
      <>
        <PageHead title="Account">This page needs no password: whoever can open this browser profile holds the account.</PageHead>
        <div class="columns">
          <div class="column">
            <Handle pod={pod} />
            <Email key={pod.email} pod={pod} />
            <Password handle={pod.handle} />
            <Sites origin={pod.origin} />
          </div>
          <div class="column">
            <SignedIn />
            <AppPasswords />
            {pod.standing === 'active' && <SigningKey />}
            <Standing pod={pod} />
          </div>
        </div>
        <Experts />
        <DangerZone handle={pod.handle} />
      </>
    )}
  </main>
)
