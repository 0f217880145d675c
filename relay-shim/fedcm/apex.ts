/**
 * `/.well-known/web-identity` at the domain above the pods: browsers look for it at the registrable domain (`example.com` for `alice.pods.example.com`), so that a provider cannot have an address for each site that
 * asks. It names one pod, whatever else it says. @see https://w3c-fedid.github.io/FedCM/#idp-api-well-known @see docs/hosting.md, "Signing in to sites"
 */
import { webIdentityAt, WEB_IDENTITY_PATH } from '../../wire/fedcm.ts'
import { json, notFound } from '../answer.ts'
import type { HostPattern } from '../hosting/hosts.ts'
import { originOf, parseHost } from '../hostname.ts'

/** One entry of the setting. */
export interface Apex {
  /** As `parseHost` writes it. */
  readonly host: string
  /** The pod that browsers find there; null: the one that was bound first. */
  readonly pod: string | null
}

/** Of one entry, `apex=pod` or `apex`; undefined: it is none. */
export const parseApex = (written: string): Apex | undefined => {
  const [, above = '', below] = /^([^=]+)(?:=(.+))?$/.exec(written) ?? []
  const host = parseHost(above.trim())
  const pod = below === undefined ? null : parseHost(below.trim())
  if (host === null || (below !== undefined && pod === null)) return undefined
  return pod !== null && !isBelow(pod, host) ? undefined : { host, pod }
}

interface Naming {
  readonly apexes: readonly Apex[]
  readonly hosts: readonly HostPattern[]
}

/** What is asked at that host; null: it is the domain above no pods. Above a wildcard of the listed hosts it is left unsaid which one. */
export const apexAt = ({ apexes, hosts }: Naming, host: string): Apex | null => {
  const named = apexes.find((each) => each.host === host)
  if (named) return named
  return hosts.some((pattern) => pattern !== '*' && pattern.name.startsWith('*.') && isBelow(pattern.name, host))
    ? { host, pod: null }
    : null
}

/** Whether anybody may ask at a host above this one which pod was the first. */
export const mayBeFirst = ({ apexes, hosts }: Naming, host: string): boolean =>
  apexes.some((each) => each.pod === null && isBelow(host, each.host)) ||
  hosts.some((pattern) => pattern !== '*' && pattern.name.startsWith('*.') && isBelow(host, pattern.name.slice(2)))

/** @param first host of the pod below that one that was bound first; null: there is none */
export const answerAtApex = async (request: Request, apex: Apex, first: (above: string) => Promise<string | null>): Promise<Response> => {
  if (request.method !== 'GET' && request.method !== 'HEAD') return notFound(request)
  const pod = apex.pod ?? (await first(apex.host))
  return pod === null ? notFound(request) : json(webIdentityAt(originOf(pod)))
}

export const isAskedAtApex = (pathname: string): boolean => pathname === WEB_IDENTITY_PATH

/** Of names: browsers ask at the usual port for a pod at any, which is also true of a pod at another port of the very domain. */
export const isBelow = (host: string, above: string): boolean => {
  const name = host.replace(/:\d+$/, '')
  return name.endsWith(`.${above}`) || (name === above && name !== host)
}
