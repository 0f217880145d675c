/**
 * Address of a PLC directory, the server that did:plc identities are registered with and resolved at.
 * @see https://web.plc.directory/spec/v0.1/did-plc#directory-server
 */
import { isLoopbackHost } from './loopback.ts'

/** 24 characters of base32: safe to stand in a URL. */
const DID_PLC = /^did:plc:[a-z2-7]{24}$/

export const isDidPlc = (did: string): boolean => DID_PLC.test(did)

/**
 * The address as `https://plc.directory` writes it, with no slash at the end; http on loopback hosts alone, because whoever can change
 * the answers of a directory decides which key a repo is verified by. null: no address of a directory.
 */
export const parsePlcUrl = (text: string): string | null => {
  if (!URL.canParse(text)) return null
  const { protocol, hostname, username, password, search, hash, origin, pathname } = new URL(text)
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopbackHost(hostname))
  if (!isSafe || username || password || search || hash) return null
  return origin + pathname.replace(/\/+$/, '')
}
