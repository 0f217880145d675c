/**
 * A browser nobody drives: started on the pod's address, left alone until it is stopped. Playwright, attached, is told of every frame on every socket and
 * keeps idle workers alive, so a pod that is to be hosted (or measured) is made with it and then handed over to this.
 */
import { spawn } from 'node:child_process'
import { type BrowserOptions, findChromium, flags } from './browser.ts'
import { endGroup } from './processes.ts'

export interface LoneBrowser {
  /** Resolves when it ends, whoever ended it. */
  readonly ended: Promise<void>
  /** Ends it and proves that no process is left. */
  stop(): Promise<void>
}

export const launchAlone = (options: BrowserOptions, url: string): LoneBrowser => {
  const mode = options.headless ? ['--headless=new', '--hide-scrollbars', '--mute-audio'] : []
  // No keyring prompt on a desktop, no access to the owner's: this profile has no passwords to keep.
  const keyring = ['--password-store=basic', '--use-mock-keychain']
  const child = spawn(
    findChromium(),
    [`--user-data-dir=${options.profileDir}`, ...mode, ...keyring, ...flags(), ...(options.flags ?? []), url],
    {
      detached: true,
      stdio: 'ignore',
    },
  )
  const group = child.pid
  if (group === undefined) throw new Error('Chromium could not be started')
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  return { ended, stop: () => endGroup(group) }
}
