/** JSON text that is changed in places: what stands beside them stays byte for byte as it came. */

export interface Edit {
  readonly at: number
  /** Exclusive; the same as `at` for what is inserted. */
  readonly until: number
  readonly text: string
}

/** A value in a JSON text, and where it stands. Each level is scanned when it is asked for. */
export class JsonPlace {
  readonly #text: string
  readonly #at: number
  readonly #until: number

  /** @throws SyntaxError where the text is no JSON */
  static of(text: string): JsonPlace {
    JSON.parse(text)
    const at = skipSpace(text, 0)
    return new JsonPlace(text, at, valueEnd(text, at))
  }

  private constructor(text: string, at: number, until: number) {
    this.#text = text
    this.#at = at
    this.#until = until
  }

  value(): unknown {
    return JSON.parse(this.#text.slice(this.#at, this.#until))
  }

  /** The string there; undefined for anything else. */
  string(): string | undefined {
    const value = this.#text[this.#at] === '"' ? this.value() : undefined
    return typeof value === 'string' ? value : undefined
  }

  /** None for what is no array. */
  items(): JsonPlace[] {
    return this.#text[this.#at] === '[' ? [...this.#parts()].map(({ place }) => place) : []
  }

  /** @param path names of members, each inside the one before */
  member(...path: readonly string[]): JsonPlace | undefined {
    const [wanted, ...rest] = path
    if (wanted === undefined) return this
    // The last of several members of one name counts, as in JSON.parse.
    const found = this.#text[this.#at] === '{' ? [...this.#parts()].findLast(({ name }) => name === wanted) : undefined
    return found?.place.member(...rest)
  }

  replace(json: string): Edit {
    return { at: this.#at, until: this.#until, text: json }
  }

  /** New items of an array before the one with this index; behind all of them where there is none. */
  insertItems(index: number, jsons: readonly string[]): Edit {
    const items = this.items()
    const next = items[index]
    if (next) return insertion(next.#at, `${jsons.join(',')},`)
    return insertion(this.#until - 1, (items.length > 0 ? ',' : '') + jsons.join(','))
  }

  /** A new last member of an object that lacks it. */
  insertMember(name: string, json: string): Edit {
    const isEmpty = this.#parts().next().done === true
    return insertion(this.#until - 1, `${isEmpty ? '' : ','}${JSON.stringify(name)}:${json}`)
  }

  *#parts(): Generator<{ readonly name?: string; readonly place: JsonPlace }> {
    const text = this.#text
    const isObject = text[this.#at] === '{'
    for (let at = skipSpace(text, this.#at + 1); at < this.#until - 1; at = skipSpace(text, at)) {
      let name: string | undefined
      if (isObject) {
        const end = valueEnd(text, at)
        name = String(JSON.parse(text.slice(at, end)))
        at = skipSpace(text, skipSpace(text, end) + 1)
      }
      const until = valueEnd(text, at)
      yield { ...(name !== undefined && { name }), place: new JsonPlace(text, at, until) }
      at = skipSpace(text, until) + 1
    }
  }
}

/** @param edits none inside another */
export const applyEdits = (text: string, edits: readonly Edit[]): string => {
  let done = 0
  const parts: string[] = []
  for (const edit of edits.toSorted((a, b) => a.at - b.at)) {
    parts.push(text.slice(done, edit.at), edit.text)
    done = edit.until
  }
  return parts.join('') + text.slice(done)
}

const insertion = (at: number, text: string): Edit => ({ at, until: at, text })

const SPACE = /\s*/y
const skipSpace = (text: string, at: number): number => {
  SPACE.lastIndex = at
  SPACE.test(text)
  return SPACE.lastIndex
}

const PRIMITIVE = /[^,\]}\s]+/y
const STRING_OR_BRACKET = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]/g

/** Where the value that begins at `at` ends, in text that is known to be JSON. */
const valueEnd = (text: string, at: number): number => {
  const first = text[at]
  if (first !== '{' && first !== '[' && first !== '"') {
    PRIMITIVE.lastIndex = at
    PRIMITIVE.test(text)
    return PRIMITIVE.lastIndex
  }
  STRING_OR_BRACKET.lastIndex = at
  let depth = 0
  do {
    const [token = ''] = STRING_OR_BRACKET.exec(text) ?? []
    if (token === '{' || token === '[') depth += 1
    else if (token === '}' || token === ']') depth -= 1
  } while (depth > 0)
  return STRING_OR_BRACKET.lastIndex
}
