/** How one setting is read from its environment variables, and what is said of a wrong one. */

export interface Setting<T> {
  readonly variables: readonly string[]
  /** `written`: what stands in each variable, in their order; null where it was left out. What is wrong is added to `mistakes`, a sentence each. */
  readonly read: (written: ReadonlyArray<string | null>, mistakes: string[]) => T
}

interface Reading<T> {
  /** undefined: this is none. */
  readonly parse: (written: string) => T | undefined
  /** What would be one: the middle of "TABPOD_X must …, not …." */
  readonly must: string
}

/** A setting of one variable; `without` is its value where that was left out. A secret is not quoted when it is wrong. */
export const setting = <T>(
  variable: string,
  { parse, must, without, isSecret = false }: Reading<T> & { readonly without: T; readonly isSecret?: boolean },
): Setting<T> => ({
  variables: [variable],
  read: ([written = null], mistakes) => {
    if (written === null) return without
    const value = parse(written)
    if (value !== undefined) return value
    mistakes.push(isSecret ? `${variable} must ${must}.` : mistake(variable, must, written))
    return without
  },
})

/** A setting of one variable that holds any number of values up to `atMost`, with commas between. */
export const list = <T>(
  variable: string,
  { parse, must, atMost = Infinity }: Reading<T> & { readonly atMost?: number },
): Setting<readonly T[]> => ({
  variables: [variable],
  read: ([written = null], mistakes) => {
    const values: T[] = []
    for (const part of partsOf(written)) {
      const value = parse(part)
      if (value === undefined) mistakes.push(mistake(variable, must, part))
      else values.push(value)
    }
    if (values.length > atMost) mistakes.push(`${variable} must name at most ${atMost}, not ${values.length}.`)
    return [...new Set(values)]
  },
})

export const oneOf =
  <const T extends string>(...known: readonly T[]) =>
  (written: string): T | undefined =>
    known.find((each) => each === written)

export const trueOrFalse = (written: string): boolean | undefined => (written === 'true' ? true : written === 'false' ? false : undefined)

/** `unit`: what one of them is in the unit of the setting's value. */
export const atLeast0 =
  (unit: number) =>
  (written: string): number | undefined =>
    isAmount(written) && Number(written) >= 0 ? Number(written) * unit : undefined

export const above0 =
  (unit: number) =>
  (written: string): number | undefined =>
    isAmount(written) && Number(written) > 0 ? Number(written) * unit : undefined

const isAmount = (written: string): boolean => Number.isFinite(Number(written))

const mistake = (variable: string, must: string, written: string): string => `${variable} must ${must}, not "${written}".`

const partsOf = (written: string | null): string[] =>
  (written ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
