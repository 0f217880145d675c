/** A Chromium: found on this machine, or fetched once; started so that a tab in it can host a pod for weeks. */
import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type BrowserContext, chromium } from 'playwright'
import { root } from './root.ts'

const COMMANDS = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const MAC_APPS = ['/Applications/Google Chrome.app/Contents/MacOS/Google Chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium']

export interface BrowserOptions {
  /** Holds the pod: keys and repo live in this profile. */
  readonly profileDir: string
  readonly headless: boolean
  /** Command-line flags beyond those that every pod needs. */
  readonly flags?: readonly string[]
  /** BCP 47; default: the machine's. */
  readonly locale?: string
}

/**
 * Path of a Chromium: CHROMIUM_PATH, else an installed one, else Playwright's. Where there is none it gets one: Debian's package
 * when this is root on Debian (it brings the libraries Chromium needs), else Playwright's download.
 * @throws Error in one sentence when all of it failed.
 */
export const findChromium = (say: (line: string) => void = () => {}): string => {
  const wanted = process.env['CHROMIUM_PATH']
  if (wanted !== undefined && wanted !== '') {
    if (!isExecutable(wanted)) throw new Error(`CHROMIUM_PATH names ${wanted}, which is not an executable file.`)
    return wanted
  }
  const found = installed()
  if (found !== undefined) return found

  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    say('no Chromium here: installing the package "chromium" …')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    for (const command of [['update'], ['install', '-y', '--no-install-recommends', 'chromium']]) {
      spawnSync('apt-get', ['-qq', ...command], { env, stdio: ['ignore', 'ignore', 'pipe'] })
    }
    const packaged = installed()
    if (packaged !== undefined) return packaged
  }
  say('no Chromium here: downloading the one that Playwright was tested with …')
  execFileSync(process.execPath, [join(root, 'node_modules/playwright/cli.js'), 'install', 'chromium'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const downloaded = chromium.executablePath()
  if (!isExecutable(downloaded)) throw new Error('No Chromium could be found or installed: set CHROMIUM_PATH to one.')
  return downloaded
}

const installed = (): string | undefined =>
  [
    ...(process.env['PATH'] ?? '').split(delimiter).flatMap((directory) => COMMANDS.map((name) => join(directory, name))),
    ...(process.platform === 'darwin' ? MAC_APPS : []),
    chromium.executablePath(),
  ].find(isExecutable)

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

export const launchBrowser = (options: BrowserOptions): Promise<BrowserContext> =>
  chromium.launchPersistentContext(options.profileDir, {
    executablePath: findChromium(),
    headless: options.headless,
    args: [...flags(), ...(options.flags ?? [])],
    ...(options.locale !== undefined && { locale: options.locale }),
    // The scripts stop what they started in their own order; Playwright would exit the process under them.
    handleSIGINT: false,
    handleSIGTERM: false,
    handleSIGHUP: false,
  })

export const flags = (): string[] => [
  // Chromium's sandbox refuses to start as root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
  // A pod must answer as fast in a hidden tab: no timers of one tick per minute, no low priority.
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
  // It calls nobody but the pod's own room.
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--no-default-browser-check',
  // /dev/shm of a container is 64 MB: a 50 MB upload crashes the tab there.
  '--disable-dev-shm-usage',
]
