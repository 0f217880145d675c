/** Days and times for people, in the browser's time zone: `20 November 2026`, `20 November 2026 at 22:41`, `22:41`. */

const day = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long' })
const moment = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short' })
const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short' })

/** `at`: ISO 8601, or ms since 1970. What a client wrote may be no date for all that: then it stands as it is. */
export const formatDay = (at: string | number): string => format(day, at)
export const formatMoment = (at: string | number): string => format(moment, at)

/** Without the day where that is today. */
export const formatTime = (at: number, now = Date.now()): string => (formatDay(at) === formatDay(now) ? time : moment).format(at)

const format = (by: Intl.DateTimeFormat, at: string | number): string => {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? String(at) : by.format(date)
}
