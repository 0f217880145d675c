/** What the page asks of the registry (`wire/operator.ts`), with the operator's token. */
import { XrpcError } from '../../wire/errors.ts'
import {
  FORGET_PATH,
  KICK_PATH,
  type KickOrder,
  LOOK_PATH,
  READMIT_PATH,
  type RoomList,
  type RoomReport,
  ROOMS_PATH,
} from '../../wire/operator.ts'

/** Each throws XrpcError as the registry refused, or with status 0 where it could not be reached. */
export interface Registry {
  rooms(prefix: string, after: string | null): Promise<RoomList>
  look(host: string): Promise<RoomReport>
  kick(order: KickOrder): Promise<RoomReport>
  readmit(host: string): Promise<RoomReport>
  forget(host: string, confirm: string): Promise<void>
}

export const openRegistry = (token: string): Registry => ({
  rooms: (prefix, after) =>
    ask(token, `${ROOMS_PATH}?${new URLSearchParams({ ...(prefix !== '' && { prefix }), ...(after !== null && { after }) }).toString()}`),
  look: (host) => ask(token, LOOK_PATH, { host }),
  kick: (order) => ask(token, KICK_PATH, order),
  readmit: (host) => ask(token, READMIT_PATH, { host }),
  forget: async (host, confirm) => void (await ask(token, FORGET_PATH, { host, confirm })),
})

const ask = async <T>(token: string, path: string, order?: object): Promise<T> => {
  let response: Response
  try {
    response = await fetch(path, {
      cache: 'no-store',
      credentials: 'omit',
      headers: { authorization: `Bearer ${token}`, ...(order && { 'content-type': 'application/json' }) },
      ...(order && { method: 'POST', body: JSON.stringify(order) }),
    })
  } catch (cause) {
    throw new XrpcError(0, 'Unreachable', 'The shim does not answer. Try again in a moment.', { cause })
  }
  const said: unknown = await response.json().catch(() => null)
  // `as`: the registry is of the same build as this page.
  if (response.ok) return said as T
  const { error = 'InternalServerError', message = `The shim answered ${response.status}.` } = (said ?? {}) as Partial<XrpcError>
  throw new XrpcError(response.status, error, message)
}
