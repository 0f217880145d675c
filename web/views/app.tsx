/** The frame around every page, and the choice between them. */
import { Logo } from '../components/logo.tsx'
import { Opening } from '../components/opening.tsx'
import { page } from '../state/page.ts'
import { route } from '../state/route.ts'
import { spoken } from '../state/spoken.ts'
import { FirstVisit } from './first-visit.tsx'
import { Home } from './home.tsx'
import { Obstacle } from './obstacle.tsx'
import { Restore } from './restore.tsx'
import { Visitor } from './visitor.tsx'

export const App = () => (
  <>
    <header class="bar">
      <a class="brand" href="#">
        <Logo /> tabpod
      </a>
      <span class="bar-host mono">{location.host}</span>
    </header>
    <Current />
    <div class="unseen" aria-live="polite">
      {spoken}
    </div>
  </>
)

const Current = () => {
  const now = page.value
  switch (now.kind) {
    case 'opening':
      return <Opening />
    case 'home':
      return <Home />
    case 'visitor':
      return <Visitor room={now.room} />
    case 'obstacle':
      return <Obstacle obstacle={now.obstacle} {...(now.detail !== undefined && { detail: now.detail })} />
    case 'first-visit':
      return route.value === 'restore' ? <Restore /> : <FirstVisit room={now.room} />
  }
}
