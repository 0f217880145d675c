import { verifySignature } from '@atproto/crypto'
import { encode } from 'cborg'
import { expect, test } from 'vitest'
import { dataOf, hashOf, hashToCid, makeOperation, parsePlcChanges, parsePlcLog, parsePlcOperation } from './plc-operation.ts'
import { cidOfEntry, newRotationKey } from './testing.ts'

const SIGNING_KEY = 'did:key:zDnaeSigning'
const dataWith = (rotationKeys: string[]) => ({
  rotationKeys,
  verificationMethods: { atproto: SIGNING_KEY, labels: 'did:key:zLabels' },
  alsoKnownAs: ['at://alice.test', 'https://alice.example'],
  services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint: 'https://pds.example' } },
})
const lastOf = (rotationKeys: string[]) => ({ cid: 'bafylast', data: dataWith(rotationKeys) })

test('the next operation names the last one, changes what is asked, keeps the rest, and is signed by the rotation key', async () => {
  const rotationKey = await newRotationKey()
  const { sig, ...unsigned } = await makeOperation(lastOf([rotationKey.didKey]), { alsoKnownAs: ['at://al.test'] }, rotationKey)
  expect(unsigned).toEqual({ type: 'plc_operation', ...dataWith([rotationKey.didKey]), alsoKnownAs: ['at://al.test'], prev: 'bafylast' })
  expect(await verifySignature(rotationKey.didKey, encode(unsigned), new Uint8Array(Buffer.from(sig, 'base64url')))).toBe(true)
})

test('a key that the last operation does not name signs nothing', async () => {
  const rotationKey = await newRotationKey()
  await expect(makeOperation(lastOf(['did:key:zOther']), {}, rotationKey)).rejects.toMatchObject({ status: 400, error: 'PlcRefused' })
})

test('the CID is the one that other code computes', async () => {
  const rotationKey = await newRotationKey()
  const operation = await makeOperation(lastOf([rotationKey.didKey]), {}, rotationKey)
  expect(hashToCid(await hashOf(operation))).toBe(await cidOfEntry(operation))
})

test.each([
  ['alice.test', 'pds.example', 'https://pds.example'],
  ['at://alice.test', 'https://pds.example', 'https://pds.example'],
  ['http://alice.test', 'http://localhost:2583', 'http://localhost:2583'],
])('an operation of the first months is read as one of today: %s at %s', (handle, service, endpoint) => {
  const [legacy] = parsePlcLog([
    { type: 'create', signingKey: 'did:key:zS', recoveryKey: 'did:key:zR', handle, service, prev: null, sig: 's' },
  ])
  expect(dataOf(legacy!)).toEqual({
    rotationKeys: ['did:key:zR', 'did:key:zS'],
    verificationMethods: { atproto: 'did:key:zS' },
    alsoKnownAs: ['at://alice.test'],
    services: { atproto_pds: { type: 'AtprotoPersonalDataServer', endpoint } },
  })
})

test('a tombstone says nothing', () => {
  const [tombstone] = parsePlcLog([{ type: 'plc_tombstone', prev: 'bafy', sig: 's' }])
  expect(dataOf(tombstone!)).toBeNull()
})

test('what is no operation, or more than one, is told from one', async () => {
  const rotationKey = await newRotationKey()
  const operation = await makeOperation(lastOf([rotationKey.didKey]), {}, rotationKey)
  expect(parsePlcOperation(operation)).toEqual(operation)
  for (const wrong of [null, [], { ...operation, type: 'plc_tombstone' }, { ...operation, more: 1 }, { ...operation, prev: 1 }])
    expect(parsePlcOperation(wrong)).toBeNull()
  expect(parsePlcChanges({ rotationKeys: ['did:key:z'] })).toEqual({ rotationKeys: ['did:key:z'] })
  for (const wrong of [
    { verificationMethods: { atproto: 1 } },
    { services: { atproto_pds: 'https://pds.example' } },
    { rotationKeys: 'x' },
  ])
    expect(parsePlcChanges(wrong)).toBeNull()
})
