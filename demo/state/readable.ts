/** Tokens as people can read them. */
import { decodeJwt, decodeProtectedHeader } from 'jose'

/** What a JWT says; null: it is none. Its signature is not looked at: that is the business of whom it is for. */
export const readJwt = (text: string): { readonly header: object; readonly payload: object } | null => {
  try {
    return { header: decodeProtectedHeader(text), payload: decodeJwt(text) }
  } catch {
    return null
  }
}

/** The JWTs among the values of an answer, by name. */
export const jwtsIn = (value: unknown): ReadonlyArray<readonly [name: string, said: object]> =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([name, text]) => {
        const said = typeof text === 'string' ? readJwt(text) : null
        return said ? [[name, said] as const] : []
      })
    : []
