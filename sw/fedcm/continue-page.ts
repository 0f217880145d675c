/** `/fedcm/continue`: where the browser leads the owner when its dialog was not enough. What is asked stands in the address, so anybody can write it: nothing happens without a click here. */
import { XrpcError } from '../../wire/errors.ts'
import { FEDCM } from '../../wire/fedcm.ts'
import { continuedQuestion } from '../../wire/fedcm-question.ts'
import type { Self } from '../identity/self.ts'
import type { Sites } from '../indieauth/contract.ts'
import type { Visitor } from '../oauth/devices.ts'
import { TOKEN } from '../oauth/forms.ts'
import type { PagesParts } from '../oauth/front.ts'
import { meOf } from '../indieauth/profile.ts'
import { ofOneSite, tokenFor } from './assertion.ts'
import { continuePage, resolvePage } from './pages/continue.ts'
import { statusPage } from './pages/login.ts'

export interface ContinuePageParts extends PagesParts {
  readonly identity: PagesParts['identity'] & Pick<Self, 'origin'>
  readonly sites: PagesParts['sites'] & Pick<Sites, 'allow' | 'refuse'>
}

/** @throws FedCmRefusal, XrpcError 401 NotSignedIn */
export const showContinue = async (
  { house, identity, forms }: ContinuePageParts,
  query: URLSearchParams,
  visitor: Visitor,
): Promise<Response> => {
  const { clientId, scopes } = questionIn(query)
  assertSignedIn(visitor)
  const { say } = house.words
  const fields = Object.fromEntries(NAMES.flatMap((name) => (query.has(name) ? [[name, query.get(name) ?? '']] : [])))
  return continuePage(house, {
    host: new URL(clientId).host,
    account: identity,
    learns: [
      say('fedcm.learns.me', { host: new URL(house.origin).host }),
      ...(scopes.includes('profile') ? [say('fedcm.learns.profile')] : []),
      ...(scopes.includes('email') ? [say('fedcm.learns.email')] : []),
    ],
    form: { action: FEDCM.continue, fields: { ...fields, [TOKEN]: await forms.token(visitor, purposeOf(query)) } },
    isOwn: visitor.isOwn,
  })
}

/** @throws FedCmRefusal, XrpcError 401 NotSignedIn, 403 ForeignForm | StaleForm */
export const takeContinue = async (parts: ContinuePageParts, sent: Request, visitor: Visitor): Promise<Response> => {
  const { house, forms, sites, identity } = parts
  const fields = await forms.read(sent, visitor, purposeOf)
  const question = questionIn(fields)
  assertSignedIn(visitor)
  const { clientId } = question
  const { host } = new URL(clientId)
  if (fields.get('do') === 'go')
    return resolvePage(house, { host, token: await tokenFor(parts, question, visitor.id), account: meOf(identity.origin) })
  await sites.refuse({ clientId, road: 'fedcm', deviceId: visitor.id })
  const { say } = house.words
  return statusPage(house, { title: say('fedcm.denied'), message: say('fedcm.denied.text', { host }) })
}

const questionIn = (said: URLSearchParams): ReturnType<typeof continuedQuestion> => ofOneSite(continuedQuestion(said))

const NAMES = ['client_id', 'scope', 'code_challenge', 'state']

const purposeOf = (said: URLSearchParams): string => `${FEDCM.continue} ${JSON.stringify(NAMES.map((name) => said.get(name)))}`

const assertSignedIn = ({ account }: Visitor): void => {
  if (!account)
    throw new XrpcError(401, 'NotSignedIn', 'You are not signed in in this browser any more. Go back to the site, and begin again.')
}
