/** The frame around every page, and the choice between them. */
import { useEffect, useRef } from 'preact/hooks'
import { Logo } from '../components/logo.tsx'
import { Nav } from '../components/nav.tsx'
import { Opening } from '../components/opening.tsx'
import type { RoomStatus } from '../../wire/frames.ts'
import { page } from '../state/page.ts'
import { pod } from '../state/pod.ts'
import { route } from '../state/route.ts'
import { spoken } from '../state/spoken.ts'
import { unsupported } from '../state/support.ts'
import { Account } from './account/page.tsx'
import { AwaitAccount } from './await-account.tsx'
import { Backup } from './backup/page.tsx'
import { FirstVisit } from './first-visit.tsx'
import { HealthPage } from './health/page.tsx'
import { Home } from './home.tsx'
import { Inbox } from './inbox.tsx'
import { MovingOut } from './moving-out.tsx'
import { Obstacle } from './obstacle.tsx'
import { Restore } from './restore.tsx'
import { Visitor } from './visitor.tsx'

export const App = () => {
  usePageEntered()
  const isOwner = page.value.kind === 'home'
  return (
    <>
      <header class={isOwner ? 'bar bar-owner' : 'bar'}>
        <a class="brand" href="#">
          <Logo /> tabpod
        </a>
        {isOwner && <Nav />}
        <span class="bar-host mono">{location.host}</span>
      </header>
      <Current />
      <div class="unseen" aria-live="polite">
        {spoken}
      </div>
    </>
  )
}

const Current = () => {
  const now = page.value
  switch (now.kind) {
    case 'opening':
      return <Opening />
    case 'home':
      return <OwnersPage />
    case 'visitor':
      return route.value === 'restore' ? <RestoreIfPossible room={now.room} /> : <Visitor room={now.room} />
    case 'obstacle':
      return <Obstacle obstacle={now.obstacle} {...(now.detail !== undefined && { detail: now.detail })} />
    case 'first-visit':
      if (route.value === 'restore') return <Restore room={now.room} />
      return route.value === 'move-in' && now.room.policy !== 'closed' ? <AwaitAccount room={now.room} /> : <FirstVisit room={now.room} />
  }
}

/** A visitor's browser was not asked yet whether a pod could live in it. */
const RestoreIfPossible = ({ room }: { readonly room: RoomStatus }) => {
  const lacking = unsupported(globalThis)
  return lacking === null ? <Restore room={room} /> : <Obstacle obstacle={lacking} />
}

const OwnersPage = () => {
  const summary = pod.value
  if (!summary) return null
  switch (route.value) {
    case 'inbox':
      return <Inbox />
    case 'account':
      return <Account pod={summary} />
    case 'backup':
      return <Backup pod={summary} />
    case 'health':
      return <HealthPage pod={summary} />
    case 'moving':
      return <MovingOut pod={summary} />
    default:
      return <Home pod={summary} />
  }
}

/** As after a click on a real link: the new page's title is read out and its name stands on the tab. Not at the first page: that is the browser's to announce. */
const usePageEntered = (): void => {
  const place = `${page.value.kind} ${route.value}`
  const before = useRef(place)
  useEffect(() => {
    const title = document.querySelector<HTMLElement>('main h1')
    document.title = title && route.value !== '' ? `${title.textContent} · tabpod` : 'tabpod'
    const isFirst = before.current.startsWith('opening')
    if (before.current !== place && !isFirst) title?.focus({ preventScroll: true })
    before.current = place
  }, [place])
}
