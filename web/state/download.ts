/** Hands a file to the browser's downloads. */

/** Long enough for the browser to have taken it; the address is good for nothing else. */
const KEEP_URL_MS = 60_000

export const download = (content: Blob, name: string): void => {
  const url = URL.createObjectURL(content)
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  setTimeout(() => URL.revokeObjectURL(url), KEEP_URL_MS)
}

/** `alice.test-2026-11-20.car`: sorts by name, and says whose it is. */
export const datedName = (handle: string, ending: string, now: Date = new Date()): string =>
  `${handle}-${now.toISOString().slice(0, 10)}.${ending}`
