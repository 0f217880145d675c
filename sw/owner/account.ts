/** What the owner changes about the account in the app: no token is needed, because nobody else can send these commands. */
import { invalidRequest } from '../../wire/errors.ts'
import type { AccountCommand } from '../../wire/owner.ts'
import type { Pod } from '../app.ts'

/** @returns what the command's answer is, see `AccountCommand`. @throws XrpcError 400 NoAccount, and what the services throw */
export const obeyAccount = async (command: AccountCommand, pod: Pod): Promise<unknown> => {
  const { appPasswords, email, inbox, ownerPassword, standing } = pod.account
  if (pod.identity.standing === 'vacant' && command.kind !== 'inbox') throw invalidRequest('There is no account here yet', 'NoAccount')
  switch (command.kind) {
    case 'inbox':
      return inbox.list()
    case 'app-passwords':
      return appPasswords.list()
    case 'create-app-password':
      return appPasswords.create(command.name, command.privileged)
    case 'dismiss-message':
      await inbox.dismiss(command.id)
      break
    case 'revoke-app-password':
      await appPasswords.revoke(command.name)
      break
    case 'set-password':
      await ownerPassword.set(command.password)
      break
    case 'set-email':
      await email.set(command.email)
      break
    case 'change-handle':
      await pod.changes.changeHandle(command.handle)
      break
    case 'activate':
      await standing.activate()
      break
    case 'deactivate':
      await standing.deactivate()
      break
  }
  return pod.summary()
}
