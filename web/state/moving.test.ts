import { expect, test } from 'vitest'
import { endpointProblem, identityHome, moveInCommands, signingKeyProblem } from './moving.ts'

test('the commands carry this address and its invite code', () => {
  const commands = moveInCommands({ origin: 'https://pod.example.com', inviteCode: 'pod-example-com-abc' })
  expect(commands).toContain('--pds-host https://pod.example.com --invite-code pod-example-com-abc')
})

test.each([
  ['did:plc:abc', 'plc'],
  ['did:web:localhost%3A1999', 'own-web'],
  ['did:web:alice.example.com', 'other-web'],
] as const)('%s has its home in: %s', (did, home) => expect(identityHome({ did, origin: 'http://localhost:1999' })).toBe(home))

test.each(['https://pds.example.com', 'https://pds.example.com/', 'http://localhost:3000'])('%s can be a server', (endpoint) =>
  expect(endpointProblem(endpoint)).toBeNull(),
)
test.each(['', 'pds.example.com', 'ftp://a.b', 'https://pds.example.com/xrpc', 'https://a.b?c'])('%j cannot', (endpoint) =>
  expect(endpointProblem(endpoint)).toMatch(/\S{4}/),
)

test('a signing key is a did:key', () => {
  expect(signingKeyProblem('did:key:zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo')).toBeNull()
  expect(signingKeyProblem('zDnaembgSGUhZULN2Caob4HLJPaxBh92N7rtH21TErzqf8HQo')).toContain('did:key')
})
