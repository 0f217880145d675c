/** For tests: keys, and a PLC directory in memory that takes what a real one takes, and lies on demand. */
import { P256Keypair, Secp256k1Keypair, verifySignature } from '@atproto/crypto'
import { encode } from 'cborg'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import type { RotationKey } from './contract.ts'
import type { Fetch } from './handle-resolver.ts'
import type { PlcLogEntry, PlcOperation } from './plc-operation.ts'

export const DIRECTORY = 'https://plc.example/base'

/** A key whose private half lies about in memory. */
export const newRotationKey = async (curve: 'P-256' | 'secp256k1' = 'P-256'): Promise<RotationKey> => {
  const pair = await (curve === 'P-256' ? P256Keypair : Secp256k1Keypair).create()
  return { didKey: pair.did(), sign: async (message) => new Uint8Array(await pair.sign(message)) }
}

/** CID of an operation, made by other code than the pod's. */
export const cidOfEntry = async (entry: object): Promise<string> => CID.createV1(0x71, await sha256.digest(encode(entry))).toString()

type Fault = (url: string, init?: RequestInit) => Promise<Response> | undefined

export class FakeDirectory {
  readonly logs = new Map<string, PlcLogEntry[]>()
  readonly asked: string[] = []
  /** Answers in its place; undefined: it answers itself. */
  fault: Fault = () => undefined

  readonly fetch: Fetch = async (url, init) => {
    const did = url.slice(DIRECTORY.length + 1).replace(/\/.*/, '')
    const path = url.slice(DIRECTORY.length + 1 + did.length)
    this.asked.push(`${init?.method ?? 'GET'} ${path}`)
    const fault = this.fault(url, init)
    if (fault) return fault
    const log = this.logs.get(did) ?? []
    const last = log.at(-1)
    if (init?.method === 'POST') return this.#take(did, JSON.parse(String(init.body)) as PlcOperation)
    if (!last) return Response.json({ message: 'DID not registered' }, { status: 404 })
    if (path === '/log') return Response.json(log)
    const { type: _, prev: __, sig: ___, ...data } = last
    return path === '/data' ? Response.json({ did, ...data }) : new Response('', { status: 404 })
  }

  last(did: string): PlcOperation {
    const last = this.logs.get(did)?.at(-1)
    if (last?.type !== 'plc_operation') throw new TypeError('no operation')
    return last
  }

  async #take(did: string, operation: PlcOperation): Promise<Response> {
    const { sig, ...unsigned } = operation
    const log = this.logs.get(did) ?? []
    const last = log.at(-1)
    const rotationKeys = last?.type === 'plc_operation' ? last.rotationKeys : operation.rotationKeys
    const verdicts = rotationKeys.map((key) => verifySignature(key, encode(unsigned), new Uint8Array(Buffer.from(sig, 'base64url'))))
    const isInPlace = operation.prev === (last ? await cidOfEntry(last) : null)
    if (!isInPlace || !(await Promise.all(verdicts)).includes(true)) return Response.json({ message: 'Invalid' }, { status: 400 })
    this.logs.set(did, [...log, operation])
    return new Response()
  }
}
