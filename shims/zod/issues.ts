/** What is wrong with a value, in the words of the original. */
export type Key = string | number
export type Path = readonly Key[]

/** `message`, where it is left out, is made of the rest. */
export type Report = { readonly code: string; readonly message?: string; readonly path?: Path } & Readonly<Record<string, unknown>>
export type ZodIssue = Report & { readonly message: string; readonly path: Path }

export type Message = string | { readonly message?: string; readonly path?: Path }
export const ZodIssueCode = {
  invalid_type: 'invalid_type',
  invalid_literal: 'invalid_literal',
  custom: 'custom',
  invalid_union: 'invalid_union',
  invalid_union_discriminator: 'invalid_union_discriminator',
  invalid_enum_value: 'invalid_enum_value',
  invalid_string: 'invalid_string',
  too_small: 'too_small',
  too_big: 'too_big',
  invalid_intersection_types: 'invalid_intersection_types',
} as const

export class ZodError extends Error {
  readonly issues: readonly ZodIssue[]

  constructor(issues: readonly ZodIssue[]) {
    super()
    this.name = 'ZodError'
    this.issues = issues
  }

  get errors(): readonly ZodIssue[] {
    return this.issues
  }

  override get message(): string {
    return JSON.stringify(this.issues, null, 2)
  }
}

export const worded = (message: Message | undefined): Partial<Report> => (typeof message === 'string' ? { message } : { ...message })

export const tooFew = (type: string, minimum: number, message?: Message): Report => ({
  code: 'too_small',
  minimum,
  type,
  inclusive: true,
  exact: false,
  ...worded(message),
})

export const tooMany = (type: string, maximum: number, message?: Message): Report => ({
  code: 'too_big',
  maximum,
  type,
  inclusive: true,
  exact: false,
  ...worded(message),
})

export const inWords = ({ code, expected, received, options, validation, type, minimum, maximum, exact, inclusive }: Report): string => {
  switch (code) {
    case 'invalid_type':
      return received === 'undefined' ? 'Required' : `Expected ${String(expected)}, received ${String(received)}`
    case 'invalid_literal':
      return `Invalid literal value, expected ${JSON.stringify(expected)}`
    case 'invalid_enum_value':
      return `Invalid enum value. Expected ${quoted(options)}, received '${String(received)}'`
    case 'invalid_union_discriminator':
      return `Invalid discriminator value. Expected ${quoted(options)}`
    case 'invalid_string':
      return validation === 'regex' ? 'Invalid' : `Invalid ${String(validation)}`
    case 'invalid_intersection_types':
      return 'Intersection results could not be merged'
    case 'too_small':
      if (inclusive === false) return `Number must be greater than ${String(minimum)}`
      return sized(type, exact, ['greater', 'least'], minimum)
    case 'too_big':
      return sized(type, exact, ['less', 'most'], maximum)
    default:
      return 'Invalid input'
  }
}

const sized = (type: unknown, exact: unknown, [than, at]: readonly [string, string], bound: unknown): string => {
  if (type === 'number') return `Number must be ${than} than or equal to ${String(bound)}`
  const [what, unit] = type === 'string' ? ['String', 'character(s)'] : ['Array', 'element(s)']
  return `${what} must contain ${exact === true ? 'exactly' : `at ${at}`} ${String(bound)} ${unit}`
}

export const quoted = (options: unknown): string =>
  (options as readonly unknown[]).map((option) => (typeof option === 'string' ? `'${option}'` : option)).join(' | ')

/** As the original calls them. */
export const typeOf = (value: unknown): string => {
  if (typeof value !== 'object') return Number.isNaN(value) ? 'nan' : typeof value
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  for (const type of [Promise, Map, Set, Date]) if (value instanceof type) return type.name.toLowerCase()
  return 'object'
}
