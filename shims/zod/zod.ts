/**
 * For `zod` 3: what @atproto/oauth-types, jwk, did, repo and the OAuth provider's core use of it, judged alike and refused in the same words. The original cannot be tree-shaken (13 kB
 * gzip) and binds thirty methods to each schema as it is made, which a stopped worker waits for whenever it wakes. `zod.test.ts` holds every schema of
 * those packages against the original. Whatever is missing here fails when the worker's script is evaluated.
 * @see https://github.com/colinhacks/zod/tree/v3
 */
import { quoted, tooFew, tooMany, ZodError, type ZodIssue, ZodIssueCode } from './issues.ts'
import { List, Literal, Numeric, type Shape, Structure, Text } from './kinds.ts'
import {
  ABORTED,
  gathered,
  inside,
  isObject,
  Judged,
  keysOf,
  listening,
  mistyped,
  type Outcome,
  type RefinementContext,
  report,
  type Schema,
  together,
  valid,
} from './schema.ts'

export { ZodError, ZodIssueCode }

const oneOf = (options: readonly string[]): Schema =>
  new Judged((place) => {
    if (typeof place.data !== 'string') return mistyped(place, quoted(options))
    if (options.includes(place.data)) return valid(place.data)
    return report(place, { code: 'invalid_enum_value', options, received: place.data })
  })

/** The first that fits; else the first that is merely dirty. */
const union = (options: readonly Schema[]): Schema =>
  new Judged((place) => {
    let dirty: { readonly outcome: Outcome; readonly issues: readonly ZodIssue[] } | undefined
    const refusals: (readonly ZodIssue[])[] = []
    for (const option of options) {
      const issues: ZodIssue[] = []
      const outcome = option.judge({ ...place, issues })
      if (outcome.status === 'valid') return outcome
      if (outcome.status === 'dirty') dirty ??= { outcome, issues }
      if (issues.length > 0) refusals.push(issues)
    }
    if (!dirty) return report(place, { code: 'invalid_union', unionErrors: refusals.map((issues) => new ZodError(issues)) })
    place.issues.push(...dirty.issues)
    return dirty.outcome
  })

const discriminatedUnion = (key: string, options: readonly Structure[]): Schema => {
  const byValue = new Map(options.map((option) => [(option.shape[key] as Literal).value, option]))
  return new Judged((place) => {
    const { data } = place
    if (!isObject(data)) return mistyped(place, 'object')
    const option = byValue.get(data[key])
    return option ? option.judge(place) : report(place, { code: 'invalid_union_discriminator', options: [...byValue.keys()], path: [key] })
  })
}

const intersection = (left: Schema, right: Schema): Schema =>
  new Judged((place) => {
    const [one, other] = [left.judge(place), right.judge(place)]
    if (one.status === 'aborted' || other.status === 'aborted') return ABORTED
    const merged = mergedOf(one.value, other.value)
    if (!merged) return report(place, { code: 'invalid_intersection_types' })
    return { ...merged, status: one.status === 'dirty' ? 'dirty' : other.status }
  })

/** null: they contradict each other. Lists have to be the same one, which is less than the original can do. */
const mergedOf = (one: unknown, other: unknown): { readonly value: unknown } | null => {
  if (one === other) return { value: one }
  if (!isObject(one) || !isObject(other)) return null
  const value: Record<string, unknown> = { ...one, ...other }
  for (const key of Object.keys(one)) {
    const merged = key in other ? mergedOf(one[key], other[key]) : { value: one[key] }
    if (!merged) return null
    value[key] = merged.value
  }
  return { value }
}

const tuple = (items: readonly Schema[]): Schema =>
  new Judged((place) => {
    const { data } = place
    if (!Array.isArray(data)) return mistyped(place, 'array')
    if (data.length < items.length) return report(place, tooFew('array', items.length))
    if (data.length > items.length) report(place, tooMany('array', items.length))
    return together(
      items.map((item, index) => item.judge(inside(place, index, data[index]))),
      data.length > items.length ? 'dirty' : 'valid',
    )
  })

const record = (keys: Schema, values: Schema): Schema =>
  new Judged((place) => {
    const { data } = place
    if (!isObject(data)) return mistyped(place, 'object')
    const names = keysOf(data)
    const judged = names.map((name) => [keys.judge(inside(place, name, name)), values.judge(inside(place, name, data[name]))] as const)
    const wrong = new Set(judged.map(([key]) => key.status))
    if (wrong.has('aborted')) return ABORTED
    const outcome = gathered(
      data,
      names.map((name, index) => [name, judged[index]?.[1] ?? ABORTED]),
    )
    return outcome.status === 'valid' && wrong.has('dirty') ? { ...outcome, status: 'dirty' } : outcome
  })

const preprocess = (turn: (value: unknown, context: RefinementContext) => unknown, schema: Schema): Schema =>
  new Judged((place) => {
    const { context, after } = listening(place)
    return after(schema.judge({ ...place, data: turn(place.data, context) }))
  })

const instanceOf = (type: new () => object): Schema =>
  new Judged((place) =>
    place.data instanceof type
      ? valid(place.data)
      : report(place, { code: 'custom', message: `Input not instance of ${type.name}`, fatal: true }),
  )

export const z = {
  string: () => new Text(),
  number: () => new Numeric(),
  boolean: () => new Judged((place) => (typeof place.data === 'boolean' ? valid(place.data) : mistyped(place, 'boolean'))),
  unknown: () => new Judged(({ data }) => valid(data)),
  never: () => new Judged((place) => mistyped(place, 'never')),
  literal: (value: unknown) => new Literal(value),
  enum: oneOf,
  array: (item: Schema) => new List(item),
  tuple,
  object: (shape: Shape) => new Structure(shape),
  record,
  union,
  discriminatedUnion,
  intersection,
  nullable: (schema: Schema) => schema.nullable(),
  preprocess,
  instanceof: instanceOf,
  ZodIssueCode,
  /** What a transformation returns once it has told an issue. */
  NEVER: undefined,
}
