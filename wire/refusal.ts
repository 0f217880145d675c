/** Why a room sends a tab away, told apart by what helps: trying again by itself, or somebody who does something. The codes are listed in docs/protocol.md. */

/** What may be over with the next connection: the worker joins again by itself. All other codes are final until the owner acts. */
const PASSING: ReadonlySet<string> = new Set([
  'BadFrame',
  'Cancelled',
  'DidUnresolvable',
  'InternalServerError',
  'Interrupted',
  'JoinTimeout',
  'Overloaded',
  'TooManyConnections',
])

export const isPassing = (error: string): boolean => PASSING.has(error)
