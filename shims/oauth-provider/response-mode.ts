/** For `oauth-response-mode.js` of @atproto/oauth-types, which knows no signed responses. @see https://openid.net/specs/oauth-v2-jarm.html#section-2.3 */
import { z } from 'zod'

export const oauthResponseModeSchema = z.enum(['query', 'fragment', 'form_post', 'jwt', 'query.jwt', 'fragment.jwt', 'form_post.jwt'])
