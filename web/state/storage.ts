/** Whether the browser promises to keep what the pod stores. @see https://developer.mozilla.org/docs/Web/API/StorageManager */
import { signal } from '@preact/signals'

export interface StorageState {
  /** true: cleared only by hand. false: the browser may clear it when the disk runs full. */
  readonly kept: boolean
  readonly usedBytes: number
  readonly quotaBytes: number
}

/** null: not read yet. `unknown`: the browser does not say. */
export const storage = signal<StorageState | 'unknown' | null>(null)

export const readStorage = async (): Promise<void> => {
  try {
    const [kept, { usage = 0, quota = 0 }] = await Promise.all([navigator.storage.persisted(), navigator.storage.estimate()])
    storage.value = { kept, usedBytes: usage, quotaBytes: quota }
  } catch {
    storage.value = 'unknown'
  }
}

/** Chromium decides by itself, Firefox asks the person. false where the browser says no or cannot. */
export const askToKeep = async (): Promise<boolean> => {
  try {
    return await navigator.storage.persist()
  } catch {
    return false
  } finally {
    await readStorage()
  }
}
