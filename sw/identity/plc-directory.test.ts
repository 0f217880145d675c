import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { encode } from 'cborg'
import { beforeEach, expect, test, vi } from 'vitest'
import { MAX_PLC_LOG_BYTES } from '../../wire/limits.ts'
import type { RotationKey } from './contract.ts'
import { hashToDidPlc, readLastOperation, readPlcData, submitOperation } from './plc-directory.ts'
import { hashOf, makeOperation, type PlcData, type PlcLogEntry, type PlcOperation, signOperation } from './plc-operation.ts'
import { cidOfEntry, DIRECTORY, FakeDirectory, newRotationKey } from './testing.ts'

let directory: FakeDirectory
let rotationKey: RotationKey
let genesis: PlcOperation
let did: string

const dataWith = (...keys: readonly RotationKey[]): PlcData => ({
  rotationKeys: keys.map(({ didKey }) => didKey),
  verificationMethods: { atproto: 'did:key:zS' },
  alsoKnownAs: ['at://alice.test'],
  services: {},
})

beforeEach(async () => {
  directory = new FakeDirectory()
  rotationKey = await newRotationKey()
  genesis = await signOperation(dataWith(rotationKey), null, rotationKey)
  did = hashToDidPlc(await hashOf(genesis))
  await submitOperation(DIRECTORY, did, genesis, directory.fetch)
})

const readLast = () => readLastOperation(DIRECTORY, did, directory.fetch)
const update = async (changes: Partial<PlcData>, key = rotationKey) => {
  const operation = await makeOperation(await readLast(), changes, key)
  await submitOperation(DIRECTORY, did, operation, directory.fetch)
  return operation
}

test('the last operation is what the next one builds on, whichever curve its keys are of', async () => {
  const k256 = await newRotationKey('secp256k1')
  await update({ rotationKeys: [k256.didKey] })
  const newest = await update({ alsoKnownAs: ['at://al.test'] }, k256)
  expect(await readLast()).toEqual({ cid: await cidOfEntry(newest), data: { ...dataWith(k256), alsoKnownAs: ['at://al.test'] } })
  expect(await readPlcData(DIRECTORY, did, directory.fetch)).toEqual({ ...dataWith(k256), alsoKnownAs: ['at://al.test'] })
})

test('an operation that builds on an older one is refused by the directory', async () => {
  const stale = await makeOperation(await readLast(), { alsoKnownAs: ['at://one.test'] }, rotationKey)
  await update({ alsoKnownAs: ['at://two.test'] })
  await expect(submitOperation(DIRECTORY, did, stale, directory.fetch)).rejects.toMatchObject({ status: 400, error: 'PlcRefused' })
  expect(directory.last(did).alsoKnownAs).toEqual(['at://two.test'])
})

test('an operation of the time before low S is taken as it is', async () => {
  const k256 = await newRotationKey('secp256k1')
  const low = await k256.sign(new Uint8Array())
  const highS: RotationKey = { didKey: k256.didKey, sign: async (message) => flipS(await k256.sign(message)) }
  expect(flipS(flipS(low))).toEqual(low)
  const old = await signOperation(dataWith(k256), null, highS)
  const oldDid = hashToDidPlc(await hashOf(old))
  directory.logs.set(oldDid, [old])
  expect((await readLastOperation(DIRECTORY, oldDid, directory.fetch)).cid).toBe(await cidOfEntry(old))
})

test('a DID that was given up cannot be built on, and the directory alone cannot give it up', async () => {
  const unsigned = { type: 'plc_tombstone', prev: (await readLast()).cid } as const
  const tombstoneOf = async (key: RotationKey) => ({
    ...unsigned,
    sig: Buffer.from(await key.sign(encode(unsigned))).toString('base64url'),
  })
  directory.logs.set(did, [genesis, await tombstoneOf(await newRotationKey())])
  await expect(readLast()).rejects.toMatchObject({ status: 502, error: 'PlcUntrustworthy' })
  directory.logs.set(did, [genesis, await tombstoneOf(rotationKey)])
  await expect(readLast()).rejects.toMatchObject({ status: 400, error: 'DidDeactivated' })
})

test('a DID that the directory does not know is no DID', async () => {
  directory.logs.clear()
  await expect(readLast()).rejects.toMatchObject({ status: 400, error: 'DidNotFound' })
})

test.each<[string, (log: PlcLogEntry[]) => unknown]>([
  ['of another DID', async () => [await signOperation(dataWith(await newRotationKey()), null, rotationKey)]],
  ['that is empty', () => []],
  ['whose second operation names another before it', ([first, second]) => [first, { ...second, prev: 'bafyother' }]],
  ['that starts in the middle', ([, second]) => [second]],
  [
    'signed by a key that was never named',
    async ([first]) => [first, await signOperation(dataWith(rotationKey), await cidOfEntry(first!), await newRotationKey())],
  ],
  ['whose newest operation was changed after it was signed', ([first, second]) => [first, { ...second, alsoKnownAs: ['at://evil.test'] }]],
  ['whose signature is no base64url', ([first, second]) => [first, { ...second, sig: '!!' }]],
  ['that is an object', ([first]) => first],
  ['with an operation of no known type', ([first]) => [first, { type: 'plc_magic' }]],
])('a log %s is not believed', async (_, lie) => {
  await update({ alsoKnownAs: ['at://al.test'] })
  const told = await lie(directory.logs.get(did)!)
  directory.fault = async () => Response.json(told)
  await expect(readLast()).rejects.toMatchObject({ status: 502, error: 'PlcUntrustworthy' })
})

test.each<[string, () => Promise<Response>, number, string]>([
  ['is away', () => Promise.reject(new TypeError('Failed to fetch')), 503, 'PlcUnavailable'],
  ['is broken', async () => new Response('', { status: 500 }), 503, 'PlcUnavailable'],
  ['is overrun', async () => new Response('', { status: 429 }), 503, 'PlcUnavailable'],
  ['talks nonsense', async () => new Response('<html>'), 502, 'PlcUntrustworthy'],
  ['never ends', async () => new Response(endless()), 502, 'PlcUntrustworthy'],
  ['breaks off', async () => new Response(brokenOff()), 503, 'PlcUnavailable'],
])('a directory that %s is an error of its own', async (_, answer, status, error) => {
  directory.fault = answer
  await expect(readLast()).rejects.toMatchObject({ status, error })
  await expect(readPlcData(DIRECTORY, did, directory.fetch)).rejects.toMatchObject({ status, error })
})

test('data of another DID is not believed', async () => {
  directory.fault = async () => Response.json({ did: 'did:plc:other', ...dataWith(rotationKey) })
  await expect(readPlcData(DIRECTORY, did, directory.fetch)).rejects.toMatchObject({ status: 502, error: 'PlcUntrustworthy' })
})

test.each<[string, RequestListener]>([
  ['sends elsewhere', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end()],
  ['never answers', () => {}],
  ['stops in the middle', (_, response) => response.writeHead(200, { 'content-length': '9' }).write('[')],
])('a directory that %s is given up', async (_, listener) => {
  vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => delayedAbort(100))
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await expect(readLastOperation(`http://127.0.0.1:${port}`, did, fetch)).rejects.toMatchObject({ status: 503, error: 'PlcUnavailable' })
  server.closeAllConnections()
  server.close()
  vi.restoreAllMocks()
})

const delayedAbort = (ms: number): AbortSignal => {
  const controller = new AbortController()
  setTimeout(() => controller.abort(), ms)
  return controller.signal
}
/** (r, s) and (r, n − s) are both valid. */
const flipS = (signature: Uint8Array): Uint8Array<ArrayBuffer> => {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const s = order - BigInt(`0x${Buffer.from(signature.subarray(32)).toString('hex')}`)
  return new Uint8Array([...signature.subarray(0, 32), ...Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
}

const endless = (): ReadableStream<Uint8Array<ArrayBuffer>> => {
  let sent = 0
  return new ReadableStream({
    pull(controller) {
      sent += 64 * 1024
      if (sent > 4 * MAX_PLC_LOG_BYTES) controller.error(new Error('the reader took far more than it may'))
      else controller.enqueue(new Uint8Array(64 * 1024).fill(0x20))
    },
  })
}
const brokenOff = (): ReadableStream =>
  new ReadableStream({
    pull(controller) {
      controller.error(new TypeError('network error'))
    },
  })
