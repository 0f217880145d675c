import { waiting } from '../state/inbox.ts'
import { route } from '../state/route.ts'
import type { Route } from '../state/route.ts'

const PLACES: ReadonlyArray<{ readonly to: Route; readonly name: string }> = [
  { to: '', name: 'Home' },
  { to: 'inbox', name: 'Inbox' },
  { to: 'account', name: 'Account' },
  { to: 'backup', name: 'Backup' },
  { to: 'moving', name: 'Moving' },
  { to: 'health', name: 'Health' },
]

/** The owner's pages. The number beside Inbox is how many codes wait there. */
export const Nav = () => (
  <nav class="nav" aria-label="Pages">
    <ul>
      {PLACES.map(({ to, name }) => (
        <li key={to}>
          <a href={to === '' ? '#' : `#/${to}`} {...(route.value === to && { 'aria-current': 'page' as const })}>
            {name}
            {to === 'inbox' && waiting.value > 0 && (
              <span class="badge" data-testid="badge">
                {waiting.value}
                <span class="unseen"> waiting</span>
              </span>
            )}
          </a>
        </li>
      ))}
    </ul>
  </nav>
)
