/** What makes a catalog whole: every key of the English one and no other, each with the same places. Whatever is missing or too much does not compile. */
import type { ENGLISH } from './english.ts'
import type { Catalog, Key, Places } from './words.ts'

type Whole<Given extends Catalog> = {
  [Where in keyof Given]: Where extends Key ? SamePlaces<Given[Where], (typeof ENGLISH)[Where]> : never
}

type SamePlaces<Given extends string, Wanted extends string> = [Places<Given>] extends [Places<Wanted>]
  ? [Places<Wanted>] extends [Places<Given>]
    ? Given
    : `lacks {${Exclude<Places<Wanted>, Places<Given>>}}`
  : `has no {${Exclude<Places<Given>, Places<Wanted>>}} in English`

export const translation = <const Given extends Catalog>(catalog: Given & Whole<Given>): Catalog => catalog
