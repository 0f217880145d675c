/** What of an answer is compared: status, error name, the headers that matter, and the shape of the body, never its values. */

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** undefined for what is no JSON. */
  readonly json: unknown
  readonly bytes: number
}

/** One thing that the two servers do otherwise, in the words of docs/differences.md. */
export interface Difference {
  readonly id: string
  readonly aspect: string
  readonly reference: string
  readonly ours: string
}

/** Beside the CORS headers, which are compared by what they allow. */
const HEADERS = [
  'content-type',
  'cache-control',
  'access-control-allow-origin',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-max-age',
  'content-disposition',
  'content-security-policy',
  'x-content-type-options',
  'content-range',
  'accept-ranges',
  'location',
]

export const readAnswer = async (response: Response): Promise<Answer> => {
  const bytes = new Uint8Array(await response.arrayBuffer())
  const isJson = /^application\/json\b/.test(response.headers.get('content-type') ?? '')
  return { status: response.status, headers: response.headers, json: isJson ? parse(bytes) : undefined, bytes: bytes.length }
}

/** Of two outcomes that differ nothing else is told: everything follows from them. */
export const compare = (id: string, reference: Answer, ours: Answer): Difference[] => {
  const difference = (aspect: string, of: (answer: Answer) => string): Difference[] =>
    of(reference) === of(ours) ? [] : [{ id, aspect, reference: of(reference), ours: of(ours) }]
  const outcome = difference('outcome', outcomeOf)
  if (outcome.length > 0) return outcome
  const headers = HEADERS.flatMap((name) => difference(`header ${name}`, ({ headers }) => headers.get(name) ?? MISSING))
  const challenge = difference(
    'header www-authenticate',
    ({ headers }) => headers.get('www-authenticate')?.replace(ALGORITHMS, '') ?? MISSING,
  )
  const algorithms = difference('algorithms', ({ headers }) => ALGORITHMS.exec(headers.get('www-authenticate') ?? '')?.[1] ?? MISSING)
  return [...headers, ...challenge, ...algorithms, ...compareShapes(id, shapeOf(reference), shapeOf(ours))]
}

/** What a challenge offers beside its error: the same in all of them. */
const ALGORITHMS = / algs="([^"]*)",?/

/** Of what is missing as a whole its parts are not told. */
const compareShapes = (id: string, reference: Shape, ours: Shape): Difference[] => {
  const differing = [...new Set([...reference.keys(), ...ours.keys()])].filter((path) => reference.get(path) !== ours.get(path))
  const missing = differing.filter((path) => !reference.has(path) || !ours.has(path))
  return differing
    .filter((path) => !missing.some((whole) => path.startsWith(`${whole}.`) || path.startsWith(`${whole}[`)))
    .map((path) => ({ id, aspect: `body ${path}`, reference: reference.get(path) ?? MISSING, ours: ours.get(path) ?? MISSING }))
}

const MISSING = '–'

/** `200`, `400 InvalidRequest`, or `404 –` for an error without a name. */
const outcomeOf = ({ status, json }: Answer): string => {
  const error = (json as { error?: unknown } | null | undefined)?.error
  return status < 400 ? String(status) : `${status} ${typeof error === 'string' ? error : MISSING}`
}

/** Path → types that were seen there. Items of an array share one path. */
type Shape = ReadonlyMap<string, string>

const shapeOf = ({ json, bytes }: Answer): Shape => {
  const shape = new Map<string, string>()
  const see = (path: string, value: unknown): void => {
    const type = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
    const seen = new Set(shape.get(path)?.split('|')).add(type)
    shape.set(path, [...seen].sort().join('|'))
    if (Array.isArray(value)) for (const item of value) see(`${path}[]`, item)
    else if (typeof value === 'object' && value !== null) for (const [name, inner] of Object.entries(value)) see(`${path}.${name}`, inner)
  }
  if (json === undefined) shape.set('.', bytes === 0 ? 'nothing' : 'bytes')
  else see('', json)
  return shape
}

const parse = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
}
