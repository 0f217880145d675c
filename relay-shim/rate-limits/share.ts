/** How many times over the rate limits hold: the setting `TABPOD_RATE_LIMITS`. */

/** `public`: for rooms that others can reach, not for those of this machine. A number: RATE_LIMITS (`wire/rate-limits.ts`), so many times over. */
export type Share = 'public' | 'off' | number

export const parseShare = (written: string): Share | undefined => {
  if (written === 'on') return 1
  if (written === 'off') return 'off'
  const factor = Number(written)
  return factor > 0 && Number.isFinite(factor) ? factor : undefined
}
