/** What a site gets that asks who its user is: a code, which it takes to the token endpoint; and how it lets go of the user again. @see https://w3c-fedid.github.io/FedCM/#idp-api-id-assertion-endpoint */
import { assertFedCm, FedCmRefusal } from '../../wire/fedcm.ts'
import { beyondDialog, clientOf, continuePathOf, type Question, questionOf, readFields } from '../../wire/fedcm-question.ts'
import { INDIEAUTH } from '../../wire/indieauth.ts'
import { readText } from '../http/body.ts'
import type { Self } from '../identity/self.ts'
import { parseClientId } from '../indieauth/client-id.ts'
import type { SiteGrant, Sites } from '../indieauth/contract.ts'
import { meOf } from '../indieauth/profile.ts'
import { namesOf } from './account.ts'
import type { FedCmSessions } from './sessions.ts'

export interface AssertionParts {
  readonly identity: Pick<Self, 'did' | 'handle' | 'origin'>
  readonly sites: Pick<Sites, 'allow' | 'allowAgain' | 'forget'>
  readonly cookies: Pick<FedCmSessions, 'find'>
}

/** @throws FedCmRefusal */
export const assertIdentity = async (parts: AssertionParts, request: Request): Promise<Response> => {
  const { identity, sites, cookies } = parts
  assertFedCm(request)
  const device = await cookies.find(request)
  if (!device) throw new FedCmRefusal('NotSignedIn')
  const fields = await readFields(request, readText)
  const question = ofOneSite(questionOf(fields, request))
  if (question.accountId !== meOf(identity.origin)) throw new FedCmRefusal('OtherAccount')
  const isByItself = fields.get('is_auto_selected') === 'true'
  const known = await sites.allowAgain(grantOf(question, device.id))
  if (known !== null) return Response.json({ token: tokenOf(identity, question, known) })
  if (isByItself || beyondDialog(question).length > 0) return Response.json({ continue_on: continuePathOf(question) })
  return Response.json({ token: await tokenFor(parts, question, device.id) })
}

/** Spelled as it is kept, so that a bare host with the slash behind it and without is one site. The room lets pass what only looks odd. @throws FedCmRefusal OtherSite */
export const ofOneSite = <Asked extends Pick<Question, 'clientId'>>(asked: Asked): Asked => {
  const url = parseClientId(asked.clientId)
  if (!url) throw new FedCmRefusal('OtherSite')
  return { ...asked, clientId: url.href }
}

/** The owner has agreed: in the browser's dialog, or on a page. */
export const tokenFor = async (
  { identity, sites }: Pick<AssertionParts, 'identity'> & { readonly sites: Pick<Sites, 'allow'> },
  question: Asked,
  deviceId: string,
): Promise<string> => tokenOf(identity, question, await sites.allow(grantOf(question, deviceId)))

type Asked = Omit<Question, 'accountId' | 'isCovered'>

const grantOf = ({ clientId, scopes, codeChallenge }: Asked, deviceId: string): SiteGrant => ({
  clientId,
  redirectUri: null,
  scopes,
  codeChallenge,
  deviceId,
})

/** As text, which sites parse: browsers have handed objects over only since 2025. @see https://indieweb.org/FedCM_for_IndieAuth */
const tokenOf = ({ origin }: Pick<Self, 'origin'>, { state }: Asked, code: string): string =>
  JSON.stringify({ code, metadata_endpoint: origin + INDIEAUTH.metadata, ...(state !== null && { state }) })

/** @throws FedCmRefusal */
export const disconnect = async ({ identity, sites, cookies }: AssertionParts, request: Request): Promise<Response> => {
  assertFedCm(request)
  if (!(await cookies.find(request))) throw new FedCmRefusal('NotSignedIn')
  const fields = await readFields(request, readText)
  const { clientId } = ofOneSite({ clientId: clientOf(fields, request) })
  if (!namesOf(identity).includes(fields.get('account_hint') ?? '')) throw new FedCmRefusal('OtherAccount')
  await sites.forget(clientId)
  return Response.json({ account_id: meOf(identity.origin) })
}
