/** Text, numbers, lists, objects: what has checks of its own. */
import { type Message, tooFew, tooMany, typeOf, worded } from './issues.ts'
import {
  ABORTED,
  type Check,
  checked,
  gathered,
  inside,
  isObject,
  keysOf,
  mistyped,
  type Outcome,
  type Place,
  report,
  Schema,
  together,
  valid,
} from './schema.ts'

export class Text extends Schema {
  readonly #checks: readonly Check<string>[]

  constructor(checks: readonly Check<string>[] = []) {
    super()
    this.#checks = checks
  }

  judge(place: Place): Outcome {
    return typeof place.data === 'string' ? checked(place, place.data, this.#checks) : mistyped(place, 'string')
  }

  min(minimum: number, message?: Message): Text {
    return this.#and(({ length }) => (length < minimum ? tooFew('string', minimum, message) : null))
  }

  max(maximum: number, message?: Message): Text {
    return this.#and(({ length }) => (length > maximum ? tooMany('string', maximum, message) : null))
  }

  length(exactly: number, message?: Message): Text {
    return this.#and(({ length }) => {
      if (length === exactly) return null
      return { ...(length < exactly ? tooFew : tooMany)('string', exactly, message), exact: true }
    })
  }

  regex(pattern: RegExp, message?: Message): Text {
    return this.#and((text) => (pattern.test(text) ? null : { code: 'invalid_string', validation: 'regex', ...worded(message) }))
  }

  email(message?: Message): Text {
    return this.#and((text) => (EMAIL.test(text) ? null : { code: 'invalid_string', validation: 'email', ...worded(message) }))
  }

  url(message?: Message): Text {
    return this.#and((text) => (URL.canParse(text) ? null : { code: 'invalid_string', validation: 'url', ...worded(message) }))
  }

  #and(check: Check<string>): Text {
    return new Text([...this.#checks, check])
  }
}

/** The original's. */
const EMAIL = /^(?!\.)(?!.*\.\.)([A-Z0-9_'+\-.]*)[A-Z0-9_+-]@([A-Z0-9][A-Z0-9-]*\.)+[A-Z]{2,}$/i

export class Numeric extends Schema {
  readonly #checks: readonly Check<number>[]

  constructor(checks: readonly Check<number>[] = []) {
    super()
    this.#checks = checks
  }

  judge(place: Place): Outcome {
    return typeOf(place.data) === 'number' ? checked(place, place.data as number, this.#checks) : mistyped(place, 'number')
  }

  int(): Numeric {
    return this.#and((value) => (Number.isInteger(value) ? null : { code: 'invalid_type', expected: 'integer', received: 'float' }))
  }

  min(minimum: number, message?: Message): Numeric {
    return this.#and((value) => (value < minimum ? tooFew('number', minimum, message) : null))
  }

  max(maximum: number, message?: Message): Numeric {
    return this.#and((value) => (value > maximum ? tooMany('number', maximum, message) : null))
  }

  positive(message?: Message): Numeric {
    return this.#and((value) => (value <= 0 ? { ...tooFew('number', 0, message), inclusive: false } : null))
  }

  #and(check: Check<number>): Numeric {
    return new Numeric([...this.#checks, check])
  }
}

export class List extends Schema {
  readonly #item: Schema
  readonly #checks: readonly Check<readonly unknown[]>[]

  constructor(item: Schema, checks: readonly Check<readonly unknown[]>[] = []) {
    super()
    this.#item = item
    this.#checks = checks
  }

  judge(place: Place): Outcome {
    const { data } = place
    if (!Array.isArray(data)) return mistyped(place, 'array')
    const { status } = checked(place, data, this.#checks)
    return together(
      data.map((value: unknown, index) => this.#item.judge(inside(place, index, value))),
      status,
    )
  }

  min(minimum: number, message?: Message): List {
    return new List(this.#item, [...this.#checks, ({ length }) => (length < minimum ? tooFew('array', minimum, message) : null)])
  }

  nonempty(message?: Message): List {
    return this.min(1, message)
  }
}

export type Shape = Readonly<Record<string, Schema>>

export class Structure extends Schema {
  readonly shape: Shape
  readonly #keepsOthers: boolean

  constructor(shape: Shape, keepsOthers = false) {
    super()
    this.shape = shape
    this.#keepsOthers = keepsOthers
  }

  judge(place: Place): Outcome {
    const { data } = place
    if (!isObject(data)) return mistyped(place, 'object')
    const judged = Object.keys(this.shape).map((key) => [key, this.shape[key]?.judge(inside(place, key, data[key])) ?? ABORTED] as const)
    const others = this.#keepsOthers ? keysOf(data).filter((key) => !Object.hasOwn(this.shape, key)) : []
    return gathered(data, [...judged, ...others.map((key) => [key, valid(data[key])] as const)])
  }

  extend(shape: Shape): Structure {
    return new Structure({ ...this.shape, ...shape }, this.#keepsOthers)
  }

  partial(): Structure {
    return new Structure(Object.fromEntries(Object.entries(this.shape).map(([key, schema]) => [key, schema.optional()])), this.#keepsOthers)
  }

  passthrough(): Structure {
    return new Structure(this.shape, true)
  }
}

export class Literal extends Schema {
  constructor(readonly value: unknown) {
    super()
  }

  judge(place: Place): Outcome {
    if (place.data === this.value) return valid(place.data)
    return report(place, { code: 'invalid_literal', expected: this.value, received: place.data })
  }
}
