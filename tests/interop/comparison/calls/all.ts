/** The script: every call in its order. What a later group needs an earlier one has kept. */
import type { Call } from '../call.ts'
import { account, email, farewell, serviceAuth } from './account.ts'
import { blobs, imports } from './blobs.ts'
import { identities } from './identity.ts'
import { preferences, proxied } from './proxied.ts'
import { changes, creates, reads } from './records.ts'
import { appPasswords, sessions, signIn } from './sessions.ts'
import { syncs } from './sync.ts'
import { administration, transport } from './transport.ts'

export const calls: readonly Call[] = [
  signIn,
  sessions,
  appPasswords,
  account,
  serviceAuth,
  creates,
  changes,
  reads,
  blobs,
  imports(),
  syncs,
  identities,
  preferences,
  proxied,
  transport,
  administration,
  email,
  farewell,
].flat()
