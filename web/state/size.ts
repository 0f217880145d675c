/** Numbers for people: `1234` → `1,234`, `1536` → `1.5 kB`. */

const count = new Intl.NumberFormat('en')
const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

export const formatCount = (value: number): string => count.format(value)

/** Decimal units, as disks and browsers give them. */
export const formatBytes = (bytes: number): string => {
  const step = bytes < 1 ? 0 : Math.min(Math.floor(Math.log10(bytes) / 3), UNITS.length - 1)
  const value = bytes / 1000 ** step
  return `${step === 0 || value >= 100 ? Math.round(value) : Math.round(value * 10) / 10} ${UNITS[step] ?? 'B'}`
}
