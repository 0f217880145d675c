/** The languages beside English. A new one is a file like these, and a line here. */
import { FRENCH } from './french.ts'
import { GERMAN } from './german.ts'
import { JAPANESE } from './japanese.ts'
import { PORTUGUESE } from './portuguese.ts'
import { SPANISH } from './spanish.ts'
import type { Catalog } from './words.ts'

/** By BCP 47. */
export const CATALOGS: Readonly<Record<string, Catalog>> = {
  de: GERMAN,
  fr: FRENCH,
  es: SPANISH,
  'pt-BR': PORTUGUESE,
  ja: JAPANESE,
}
