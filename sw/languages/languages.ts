/** The languages that pages speak. English is in the worker; each other one is a file of the build, read when somebody is to be spoken to in it, and kept. */
import type { House } from '../oauth/pages/page.ts'
import { lookUp } from './choice.ts'
import { ENGLISH } from './english.ts'
import { type Catalog, ENGLISH_WORDS, type Words, wordsOf } from './words.ts'

export interface Languages {
  /** BCP 47. */
  readonly tags: readonly string[]
  /** The first of those wanted that there is; null: none of them, or it cannot be had now. Never rejects. */
  find(wanted: readonly string[]): Promise<Words | null>
}

export interface CatalogFiles {
  /** Addresses by language. */
  readonly addresses: Readonly<Record<string, string>>
  /** What is at such an address, as JSON. */
  readonly read: (address: string) => Promise<unknown>
}

/** @param files none: English alone */
export const languagesOf = ({ addresses, read }: CatalogFiles = { addresses: {}, read: () => Promise.reject() }): Languages => {
  const tags = [ENGLISH_WORDS.tag, ...Object.keys(addresses)]
  const kept = new Map<string, Words>([[ENGLISH_WORDS.tag, ENGLISH_WORDS]])
  const load = async (tag: string): Promise<Words | null> => {
    try {
      const catalog = await read(addresses[tag] ?? '')
      if (!isCatalog(catalog)) return null
      const words = wordsOf(tag, catalog)
      kept.set(tag, words)
      return words
    } catch {
      return null
    }
  }
  return {
    tags,
    async find(wanted) {
      const tag = lookUp(wanted, tags)
      return tag === undefined ? null : (kept.get(tag) ?? load(tag))
    },
  }
}

/** What pages need to speak: the house says it, in the words of one language. */
export interface Speaker {
  readonly house: House
  readonly languages: Languages
}

/** The same, in the first of these languages that there is; as it is where there is none. @param wanted BCP 47, best first */
export const speaking = async <Parts extends Speaker>(parts: Parts, wanted: readonly string[]): Promise<Parts> => {
  const words = await parts.languages.find(wanted)
  return words ? { ...parts, house: { ...parts.house, words } } : parts
}

const isCatalog = (value: unknown): value is Catalog =>
  typeof value === 'object' &&
  value !== null &&
  Object.keys(ENGLISH).every((key) => typeof (value as Record<string, unknown>)[key] === 'string')
