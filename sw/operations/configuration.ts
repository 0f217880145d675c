/** The owner's settings as they are now; who depends on them asks each time, so that a change needs no restart. */
import { XrpcError } from '../../wire/errors.ts'
import { DEFAULT_SETTINGS, type Settings, settingsProblems } from '../../wire/settings.ts'
import type { Store } from '../store/open.ts'
import { readPod, writePod } from '../store/pod.ts'

export class Configuration {
  readonly #store: Store
  readonly #listeners = new Set<(settings: Settings, before: Settings) => void>()
  #settings: Settings

  static async open(store: Store): Promise<Configuration> {
    return new Configuration(store, { ...DEFAULT_SETTINGS, ...(await readPod(store, 'settings')) })
  }

  private constructor(store: Store, settings: Settings) {
    this.#store = store
    this.#settings = settings
  }

  get settings(): Settings {
    return this.#settings
  }

  /** All of it, or nothing. @throws XrpcError 400 InvalidSettings, with a sentence for each mistake */
  async change(wanted: Partial<Settings>): Promise<Settings> {
    const before = this.#settings
    const settings = pickKnown({ ...before, ...wanted })
    const problems = Object.values(settingsProblems(settings))
    if (problems.length > 0) throw new XrpcError(400, 'InvalidSettings', problems.join(' '))
    await writePod(this.#store, { settings: unusual(settings) })
    this.#settings = settings
    for (const listener of this.#listeners) listener(settings, before)
    return settings
  }

  /** @returns the unsubscribe function */
  onChange(listener: (settings: Settings, before: Settings) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}

const NAMES = Object.keys(DEFAULT_SETTINGS) as ReadonlyArray<keyof Settings>

const pickKnown = (settings: Settings): Settings => {
  const known = NAMES.map((name): [string, unknown] => [name, settings[name]])
  // Each name has its value: it is a Settings again.
  return Object.fromEntries(known) as unknown as Settings
}

const unusual = (settings: Settings): Partial<Settings> =>
  Object.fromEntries(
    Object.entries(settings).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(DEFAULT_SETTINGS[name as keyof Settings])),
  )
