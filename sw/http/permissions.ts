/**
 * What of the account its owner has granted an app: scopes, asked about one by one. Which of them a method needs stands at its route.
 * @see https://atproto.com/specs/permission
 */
import { ScopeMissingError, ScopePermissionsTransition } from '@atproto/oauth-scopes'
import { XrpcError } from '../../wire/errors.ts'

/** Each throws XrpcError 403 ScopeMissingError, naming the scope that would do. */
export interface Permissions {
  repo(action: 'create' | 'update' | 'delete', collection: string): void
  /** Asked for the type that the request declares, and for the one that the bytes show. */
  blob(mime: string): void
  /** @param aud `did#service` @param lxm `*` for any method */
  rpc(aud: string, lxm: string): void
  account(attr: 'email' | 'repo' | 'status', action: 'read' | 'manage'): void
  identity(attr: 'handle' | '*'): void
  /** Whether answers show it the e-mail address. */
  readonly seesEmail: boolean
}

/** Says of a request whether an app may make it, as far as the request's head tells. */
export type AppRule = (may: Permissions, request: Request) => void

/** It tells nothing that is not the app's own or public anyway. */
export const always: AppRule = () => {}

/** The method's parameters or its input decide: the route asks for what it has read there. */
export const byContent: AppRule = () => {}

/** Only for the owner in person. @param message says what to do instead */
export const never =
  (message = 'OAuth credentials are not supported for this endpoint'): AppRule =>
  () => {
    throw new XrpcError(403, 'Forbidden', message)
  }

/** Of a session that was opened with a password: what it may not, its own scope says. */
export const EVERYTHING: Permissions = {
  repo: () => {},
  blob: () => {},
  rpc: () => {},
  account: () => {},
  identity: () => {},
  seesEmail: true,
}

/** @param scopes of a token, permission sets already replaced by what they hold */
export const grantedBy = (scopes: readonly string[]): Permissions => {
  const granted = new ScopePermissionsTransition(scopes)
  return {
    repo: (action, collection) => orMissing(() => granted.assertRepo({ action, collection })),
    // Parameters of a type, as in text/plain; charset=utf-8, are not part of what is granted.
    blob: (mime) => orMissing(() => granted.assertBlob({ mime: (mime.split(';')[0] ?? '').trim().toLowerCase() })),
    rpc: (aud, lxm) => orMissing(() => granted.assertRpc({ aud, lxm: normalMethod(lxm) })),
    account: (attr, action) => orMissing(() => granted.assertAccount({ attr, action })),
    identity: (attr) => orMissing(() => granted.assertIdentity({ attr })),
    seesEmail: granted.allowsAccount({ attr: 'email', action: 'read' }),
  }
}

/** The authority of a name is a domain: whoever writes it in capitals means the same one. @see https://atproto.com/specs/nsid#nsid-syntax */
const normalMethod = (lxm: string): string => {
  const at = lxm.lastIndexOf('.') + 1
  return lxm.slice(0, at).toLowerCase() + lxm.slice(at)
}

const orMissing = (assert: () => void): void => {
  try {
    assert()
  } catch (cause) {
    throw cause instanceof ScopeMissingError ? new XrpcError(403, 'ScopeMissingError', cause.message, { cause }) : cause
  }
}
