/** The tree of an imported repo, checked node by node in key order, without ever having it whole in memory. @see https://atproto.com/specs/repository#mst-structure */
import type { Cid } from '@atproto/lex-data'
import { sha256 } from '@noble/hashes/sha2'
import { invalidRequest } from '../../wire/errors.ts'
import { MalformedNode, type MstNode, parseNode } from './mst-node.ts'
import type { Place, Staging } from './staging.ts'
import { checkPath } from './validation.ts'

/** All records in the order of their keys. */
export class Leaves {
  readonly keys: string[] = []
  readonly places: Place[] = []

  add(key: string, place: Place): void {
    this.keys.push(key)
    this.places.push(place)
  }
}

/**
 * Every key is valid and greater than the one before, every node lies at the layer its keys say, none is missing; so no node can come twice, and what is
 * read is at most what was sent.
 * @param onNode sees every node of the tree in pre-order
 * @throws XrpcError 400 `InvalidRepo`
 */
export const readTree = async (
  staging: Staging,
  root: Cid,
  onNode: (digest: Uint8Array, bytes: Uint8Array) => Promise<void> | undefined,
): Promise<Leaves> => {
  const leaves = new Leaves()
  const visit = async (cid: Uint8Array, layer: number | null): Promise<void> => {
    const digest = cid.subarray(cid.length - 32)
    const place = staging.find(digest)
    if (place === undefined) throw invalidRepo('a node of its tree is missing')
    const bytes = await staging.read(place)
    const node = parse(bytes)
    await onNode(digest, bytes)
    const own = layerOf(node, layer)
    if (node.left) await visit(node.left, own - 1)
    for (const { key, value, right } of node.entries) {
      addLeaf(staging, leaves, key, value)
      if (right) await visit(right, own - 1)
    }
  }
  await visit(root.bytes, null)
  return leaves
}

export const invalidRepo = (why: string) => invalidRequest(`Invalid repo: ${why}`, 'InvalidRepo')

const parse = (bytes: Uint8Array): MstNode => {
  try {
    return parseNode(bytes)
  } catch (cause) {
    if (cause instanceof MalformedNode) throw invalidRepo(`a node of its tree: ${cause.message}`)
    throw cause
  }
}

/** @param expected null for the root, which lies where its keys say. */
const layerOf = ({ left, entries }: MstNode, expected: number | null): number => {
  const [first] = entries
  const isEmptyTree = expected === null && !first && !left
  // Below the root a node without keys only bridges a layer; the root never does.
  if (!first && !isEmptyTree && (expected === null || !left)) throw invalidRepo('its tree has an empty node')
  const layer = expected ?? (first ? layerOfKey(first.key) : 0)
  for (const { key } of entries) if (layerOfKey(key) !== layer) throw invalidRepo(`${key} lies at the wrong layer of its tree`)
  if (layer === 0 && (left || entries.some(({ right }) => right))) throw invalidRepo('its tree goes deeper than the lowest layer')
  return layer
}

const utf8 = new TextEncoder()

/** Leading zeros of the key's hash, counted in pairs. */
const layerOfKey = (key: string): number => {
  let layer = 0
  for (const byte of sha256(utf8.encode(key))) {
    if (byte === 0) layer += 4
    else return layer + ((Math.clz32(byte) - 24) >> 1)
  }
  return layer
}

const addLeaf = (staging: Staging, leaves: Leaves, key: string, value: Uint8Array): void => {
  const last = leaves.keys.at(-1)
  if (last !== undefined && key <= last) throw invalidRepo(`${key} is out of order`)
  checkKey(key)
  const place = staging.find(value.subarray(value.length - 32))
  if (place === undefined) throw invalidRepo(`the record ${key} is missing`)
  leaves.add(key, place)
}

const checkKey = (key: string): void => {
  const [collection = '', rkey = '', ...rest] = key.split('/')
  if (rest.length > 0) throw invalidRepo(`${key} is no path of a record`)
  try {
    checkPath(collection, rkey)
  } catch {
    throw invalidRepo(`${key} is no path of a record`)
  }
}
