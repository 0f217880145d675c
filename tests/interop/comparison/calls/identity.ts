/** com.atproto.identity.*: handles, DIDs, and the account's own did:plc. */
import { type Call, procedure, query } from '../call.ts'
import { did, NOBODY } from './values.ts'

const identity = (name: string): string => `com.atproto.identity.${name}`
const OWNER = { as: 'owner' }
const ANYONE = { as: 'nobody' }

export const identities: readonly Call[] = [
  query('resolveHandle', identity('resolveHandle'), ({ account }) => ({ handle: account.handle })),
  query('resolveHandle-unknown', identity('resolveHandle'), { handle: 'nobody.invalid' }),
  query('resolveHandle-unknown-here', identity('resolveHandle'), { handle: 'nobody.test' }),
  query('resolveHandle-no-handle', identity('resolveHandle'), { handle: 'no handle' }),
  query('resolveHandle-without-handle', identity('resolveHandle')),
  query('resolveDid', identity('resolveDid'), did),
  query('resolveIdentity', identity('resolveIdentity'), ({ account }) => ({ identifier: account.did })),
  procedure('refreshIdentity', identity('refreshIdentity'), ({ account }) => ({ identifier: account.did }), ANYONE),
  procedure('updateHandle-invalid', identity('updateHandle'), { handle: 'no handle' }),
  procedure('updateHandle-too-short', identity('updateHandle'), { handle: 'a.test' }),
  procedure('updateHandle-reserved', identity('updateHandle'), { handle: 'admin.test' }),
  procedure('updateHandle-unresolvable', identity('updateHandle'), { handle: 'nobody.invalid' }),
  procedure('updateHandle-without-token', identity('updateHandle'), { handle: 'bob.test' }, ANYONE),
  procedure('updateHandle-app-password', identity('updateHandle'), { handle: 'bob.test' }, { as: 'privileged' }),
  procedure('updateHandle-same', identity('updateHandle'), ({ account }) => ({ handle: account.handle })),
  procedure('updateHandle-empty', identity('updateHandle'), {}),
  query('getRecommendedDidCredentials', identity('getRecommendedDidCredentials'), {}, OWNER),
  query('getRecommendedDidCredentials-without-token', identity('getRecommendedDidCredentials')),
  procedure('signPlcOperation-without-mail', identity('signPlcOperation'), {}),
  procedure('signPlcOperation-bad-token', identity('signPlcOperation'), { token: 'AAAAA-AAAAA' }),
  procedure('requestPlcOperationSignature-without-token', identity('requestPlcOperationSignature'), undefined, ANYONE),
  procedure('requestPlcOperationSignature-app-password', identity('requestPlcOperationSignature'), undefined, { as: 'privileged' }),
  procedure('requestPlcOperationSignature', identity('requestPlcOperationSignature')),
  procedure(
    'signPlcOperation-keys-of-another',
    identity('signPlcOperation'),
    (side) => ({ token: side.kept('mail'), rotationKeys: ['did:key:zNonsense'] }),
    {
      mail: 'plc-operation',
    },
  ),
  procedure('submitPlcOperation-nothing', identity('submitPlcOperation'), {}),
  procedure('submitPlcOperation-no-operation', identity('submitPlcOperation'), { operation: { a: 1 } }),
  procedure('submitPlcOperation-of-another', identity('submitPlcOperation'), {
    operation: {
      type: 'plc_operation',
      rotationKeys: ['did:key:zQ3shP5TBe1sQfSttXty15FAEHV1DZgcxRZNxvEWnPfLFwLxJ'],
      verificationMethods: { atproto: 'did:key:zQ3shP5TBe1sQfSttXty15FAEHV1DZgcxRZNxvEWnPfLFwLxJ' },
      alsoKnownAs: ['at://bob.test'],
      services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://elsewhere.example' } },
      prev: null,
      sig: 'abc',
    },
  }),
  procedure('submitPlcOperation-without-token', identity('submitPlcOperation'), { operation: {} }, ANYONE),
  query('resolveDid-unknown', identity('resolveDid'), { did: NOBODY }),
]
