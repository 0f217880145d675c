/** Which language: the first wish that can be met. @see https://www.rfc-editor.org/rfc/rfc4647#section-3.4 */

/**
 * @param wanted BCP 47, best first
 * @param tags those that there are
 */
export const lookUp = (wanted: readonly string[], tags: readonly string[]): string | undefined => {
  for (const wish of wanted) {
    const subtags = wish.toLowerCase().split('-')
    const [language] = subtags
    while (subtags.length > 0) {
      const found = tags.find((tag) => tag.toLowerCase() === subtags.join('-'))
      if (found !== undefined) return found
      subtags.pop()
      // A single letter says what follows it.
      if (subtags.at(-1)?.length === 1) subtags.pop()
    }
    // Beyond the RFC: Portuguese as it is spoken elsewhere is nearer than English.
    const near = tags.find((tag) => tag.split('-')[0] === language)
    if (near !== undefined) return near
  }
  return undefined
}

/** @returns BCP 47, best first. @see https://www.rfc-editor.org/rfc/rfc9110#field.accept-language */
export const parseAcceptLanguage = (header: string): readonly string[] =>
  header
    .split(',')
    .map((part) => {
      const [tag = '', weight = ''] = part.split(';')
      return { tag: tag.trim(), quality: Number(/^\s*q=([\d.]+)\s*$/i.exec(weight)?.[1] ?? 1) }
    })
    .filter(({ quality }) => quality > 0)
    .sort((a, b) => b.quality - a.quality)
    .map(({ tag }) => tag)
