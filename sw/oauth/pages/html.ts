/** HTML as a template: what is put in is text, unless it is HTML made here. @see https://cheatsheetseries.owasp.org/cheatsheets/Cross_Site_Scripting_Prevention_Cheat_Sheet.html */

export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** Nothing is shown for null, undefined and false, so that `condition && html…` reads well. */
export type Content = Html | string | number | null | undefined | false | readonly Content[]

/** Attribute values must stand in double quotes. */
export const html = (pieces: TemplateStringsArray, ...contents: readonly Content[]): Html =>
  new Html(pieces.map((piece, at) => piece + toText(contents[at])).join(''))

const toText = (content: Content): string => {
  if (content === null || content === undefined || content === false) return ''
  if (content instanceof Html) return content.text
  if (typeof content === 'object') return content.map(toText).join('')
  return escape(String(content))
}

const escape = (text: string): string => text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
