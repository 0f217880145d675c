/**
 * For `zod`: @atproto/repo describes a CAR's header, a commit and a tree node with it and uses nothing else. Zod cannot be tree-shaken (16 kB gzip, the largest
 * part of the worker); valibot is in both bundles already and says the same.
 */
import * as v from 'valibot'

type Schema = v.GenericSchema<unknown>
interface IssueContext {
  addIssue(issue: { readonly message: string }): void
}

class Shape {
  readonly schema: Schema

  constructor(schema: Schema) {
    this.schema = schema
  }

  nullable(): Shape {
    return new Shape(v.nullable(this.schema))
  }

  optional(): Shape {
    return new Shape(v.optional(this.schema))
  }

  transform(turn: (value: unknown, context: IssueContext) => unknown): Shape {
    return new Shape(
      v.pipe(
        this.schema,
        v.rawTransform(({ dataset, addIssue }) => turn(dataset.value, { addIssue: ({ message }) => addIssue({ message }) })),
      ),
    )
  }

  safeParse(value: unknown): { readonly success: true; readonly data: unknown } | { readonly success: false; readonly error: Error } {
    const result = v.safeParse(this.schema, value)
    return result.success ? { success: true, data: result.output } : { success: false, error: new v.ValiError(result.issues) }
  }
}

const schemas = (shapes: Readonly<Record<string, Shape>>): Record<string, Schema> =>
  Object.fromEntries(Object.entries(shapes).map(([key, { schema }]) => [key, schema]))

export const z = {
  unknown: () => new Shape(v.unknown()),
  string: () => new Shape(v.string()),
  number: () => new Shape(v.number()),
  nullable: (shape: Shape) => shape.nullable(),
  literal: (value: string | number) => new Shape(v.literal(value)),
  instanceof: (type: new () => object) => new Shape(v.instance(type)),
  array: ({ schema }: Shape) => new Shape(v.array(schema)),
  record: (_keys: Shape, { schema }: Shape) => new Shape(v.record(v.string(), schema)),
  object: (shapes: Readonly<Record<string, Shape>>) => new Shape(v.object(schemas(shapes))),
  /** The first that fits: each of ours names its own `version`. */
  discriminatedUnion: (_key: string, shapes: readonly Shape[]) => new Shape(v.union(shapes.map(({ schema }) => schema))),
  ZodIssueCode: { custom: 'custom' },
  NEVER: undefined,
}
