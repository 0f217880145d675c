/** What pages say, in one language: templates with named places in braces, filled here and nowhere else. What comes out is text like any other, which `html` escapes. */
import { type Content, html, type Html } from '../oauth/pages/html.ts'
import { ENGLISH } from './english.ts'

export type Key = keyof typeof ENGLISH
export type Catalog = Readonly<Record<Key, string>>

/** Names of the places in a template. */
export type Places<Template extends string> = Template extends `${string}{${infer Name}}${infer Rest}` ? Name | Places<Rest> : never
type PlacesAt<Where extends Key> = Places<(typeof ENGLISH)[Where]>
type Filled<Where extends Key, Value> = [PlacesAt<Where>] extends [never] ? [] : [values: Readonly<Record<PlacesAt<Where>, Value>>]
/** Of a sentence without places. */
type PlainKey = { [Where in Key]: [PlacesAt<Where>] extends [never] ? Where : never }[Key]

export interface Words {
  /** BCP 47. */
  readonly tag: string
  say<Where extends Key>(key: Where, ...values: Filled<Where, string | number>): string
  /** The same where a place holds an element. */
  show<Where extends Key>(key: Where, ...values: Filled<Where, Content>): Html
  /** “a, b and c”. */
  list(items: readonly string[]): string
  /** “5 minutes”. */
  minutes(count: number): string
}

export const wordsOf = (tag: string, catalog: Catalog): Words => {
  // American English puts a comma before the last “and”.
  const format = tag === 'en' ? 'en-GB' : tag
  return {
    tag,
    say: (key, ...[values]) => fill(catalog[key], values).join(''),
    show: (key, ...[values]) => html`${fill(catalog[key], values)}`,
    // The browser takes its time with the first list.
    list: (items) => (items.length > 1 ? new Intl.ListFormat(format).format(items) : (items[0] ?? '')),
    minutes: (count) => new Intl.NumberFormat(format, { style: 'unit', unit: 'minute', unitDisplay: 'long' }).format(count),
  }
}

export const ENGLISH_WORDS = wordsOf('en', ENGLISH)

/** Whether there is a sentence of that name, whole as it is: the name may come from anywhere. */
export const isKey = (name: string): name is PlainKey => Object.hasOwn(ENGLISH, name) && !ENGLISH[name as Key].includes('{')

const fill = (template: string, values: Readonly<Record<string, Content>> = {}): Content[] =>
  template.split(/\{(\w+)\}/).map((piece, at) => (at % 2 === 0 ? piece : values[piece]))
