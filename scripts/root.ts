import { join } from 'node:path'

/** The checkout's own directory. */
export const root = join(import.meta.dirname, '..')
