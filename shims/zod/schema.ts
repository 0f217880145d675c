/** What a schema can do, whatever it describes. */
import { type Key, type Message, type Path, type Report, typeOf, worded, ZodError, type ZodIssue, inWords } from './issues.ts'

/** dirty: wrong, but so that refinements may still look at the value. */
export type Outcome =
  | { readonly status: 'valid' | 'dirty'; readonly value: unknown }
  | { readonly status: 'aborted'; readonly value?: undefined }

export interface Place {
  readonly data: unknown
  readonly path: Path
  readonly issues: ZodIssue[]
}

export interface RefinementContext {
  readonly addIssue: (report: Report) => void
  readonly path: Path
}

export type Check<V> = (value: V) => Report | null

export abstract class Schema {
  abstract judge(place: Place): Outcome

  safeParse(data: unknown, { path = [] }: { readonly path?: Path } = {}) {
    const issues: ZodIssue[] = []
    const { status, value } = this.judge({ data, path, issues })
    return status === 'valid' ? { success: true, data: value } : { success: false, error: new ZodError(issues) }
  }

  parse(data: unknown, params?: { readonly path?: Path }): unknown {
    const result = this.safeParse(data, params)
    if (result.error) throw result.error
    return result.data
  }

  async parseAsync(data: unknown, params?: { readonly path?: Path }): Promise<unknown> {
    return this.parse(data, params)
  }

  optional(): Schema {
    return new Judged((place) => (place.data === undefined ? valid(undefined) : this.judge(place)))
  }

  nullable(): Schema {
    return new Judged((place) => (place.data === null ? valid(null) : this.judge(place)))
  }

  default(value: unknown): Schema {
    return new Judged((place) => this.judge(place.data === undefined ? { ...place, data: value } : place))
  }

  transform(turn: (value: never, context: RefinementContext) => unknown): Schema {
    return new Judged((place) => {
      const before = this.judge(place)
      if (before.status !== 'valid') return ABORTED
      const { context, after } = listening(place)
      const value = turn(before.value as never, context)
      return after({ status: 'valid', value })
    })
  }

  superRefine(check: (value: never, context: RefinementContext) => unknown): Schema {
    return new Judged((place) => {
      const before = this.judge(place)
      if (before.status === 'aborted') return ABORTED
      const { context, after } = listening(place)
      check(before.value as never, context)
      return after(before)
    })
  }

  refinement(check: (value: never) => unknown, report: Report): Schema {
    return this.superRefine((value, context) => {
      if (!check(value)) context.addIssue(report)
    })
  }

  refine(check: (value: never) => unknown, message?: Message): Schema {
    return this.refinement(check, { code: 'custom', ...worded(message) })
  }
}

/** A schema that is nothing but its judgement. */
export class Judged extends Schema {
  constructor(override readonly judge: (place: Place) => Outcome) {
    super()
  }
}

export const ABORTED: Outcome = { status: 'aborted' }
export const valid = (value: unknown): Outcome => ({ status: 'valid', value })

export const inside = ({ path, issues }: Place, key: Key, data: unknown): Place => ({ data, path: [...path, key], issues })

export const report = (place: Place, told: Report): { readonly status: 'aborted' } => {
  const path = [...place.path, ...(told.path ?? [])]
  place.issues.push({ ...told, path, message: told.message ?? inWords(told) })
  return { status: 'aborted' }
}

export const mistyped = (place: Place, expected: string): Outcome =>
  report(place, { code: 'invalid_type', expected, received: typeOf(place.data) })

export const checked = <V>(
  place: Place,
  value: V,
  checks: readonly Check<V>[],
): { readonly status: 'valid' | 'dirty'; readonly value: V } => {
  let status: 'valid' | 'dirty' = 'valid'
  for (const check of checks) {
    const wrong = check(value)
    if (!wrong) continue
    report(place, wrong)
    status = 'dirty'
  }
  return { status, value }
}

/** For what is the caller's: it may tell issues, each of which spoils the outcome. */
export const listening = (place: Place): { readonly context: RefinementContext; readonly after: (outcome: Outcome) => Outcome } => {
  let status: Outcome['status'] = 'valid'
  const addIssue = (told: Report): void => {
    report(place, told)
    if (status !== 'aborted') status = told['fatal'] === true ? 'aborted' : 'dirty'
  }
  return {
    context: { addIssue, path: place.path },
    after: (outcome) => {
      if (outcome.status === 'aborted' || status === 'aborted') return ABORTED
      return status === 'dirty' ? { ...outcome, status } : outcome
    },
  }
}

export const together = (items: readonly Outcome[], status: 'valid' | 'dirty'): Outcome => {
  if (items.some((item) => item.status === 'aborted')) return ABORTED
  const isDirty = status === 'dirty' || items.some((item) => item.status === 'dirty')
  return { status: isDirty ? 'dirty' : 'valid', value: items.map((item) => item.value) }
}

export const gathered = (data: Readonly<Record<string, unknown>>, entries: readonly (readonly [string, Outcome])[]): Outcome => {
  if (entries.some(([, { status }]) => status === 'aborted')) return ABORTED
  const value: Record<string, unknown> = {}
  for (const [key, item] of entries) if (key !== '__proto__' && (item.value !== undefined || key in data)) value[key] = item.value
  return { status: entries.some(([, { status }]) => status === 'dirty') ? 'dirty' : 'valid', value }
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeOf(value) === 'object'

/** With those that it inherits, as the original does it. */
export const keysOf = (value: object): string[] => {
  const keys: string[] = []
  for (const key in value) keys.push(key)
  return keys
}
