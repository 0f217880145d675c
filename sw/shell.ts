/** The owner's app without network: what the network answered last, kept in a Cache. Network first, so that a new build shows at once. */
import { BUILD_FILE_DEADLINE_MS } from '../wire/limits.ts'

const CACHE = 'tabpod-shell'
/** Every page of the app is this one document. */
const SHELL = '/'

/** Navigations and same-origin GETs that are no business of the pod. */
export const answerFromShell = async (request: Request, keep: (work: Promise<unknown>) => void): Promise<Response> => {
  const isPage = request.mode === 'navigate'
  try {
    const response = await fetch(request)
    if (response.ok && response.type === 'basic' && (!isPage || isShell(request))) keep(put(request, response.clone()))
    if (response.status < 500) return response
    return (await fromCache(request, isPage)) ?? response
  } catch (cause) {
    const kept = await fromCache(request, isPage)
    if (kept) return kept
    throw cause
  }
}

/** A file of the build whose name says what is in it. @throws TypeError, DOMException TimeoutError */
export const fileOfBuild = async (address: string): Promise<Response> => {
  const cache = await caches.open(CACHE)
  const kept = await cache.match(address)
  if (kept) return kept
  const response = await fetch(address, { signal: AbortSignal.timeout(BUILD_FILE_DEADLINE_MS) })
  if (!response.ok) throw new TypeError(`${address} is not to be had: ${response.status}`)
  await cache.put(address, response.clone())
  return response
}

/**
 * Fetches the app's document and what it links, because the first visit loaded them before there was a worker.
 * @param files of the build that it must have too
 */
export const storeShell = async (files: readonly string[]): Promise<void> => {
  const response = await fetch(SHELL, { cache: 'no-cache' })
  if (!response.ok) return
  const html = await response.clone().text()
  const linked = [...html.matchAll(/\b(?:src|href)="(\/[^/"][^"]*)"/g)].flatMap(([, path]) => (path === undefined ? [] : [path]))
  const cache = await caches.open(CACHE)
  await cache.put(SHELL, response)
  await Promise.allSettled([...linked.map((path) => cache.add(path)), ...files.map(fileOfBuild)])
  const kept = new Set([SHELL, ...linked, ...files])
  for (const { url } of await cache.keys()) if (!kept.has(new URL(url).pathname)) await cache.delete(url)
}

export const dropShell = (): Promise<boolean> => caches.delete(CACHE)

const isShell = (request: Request): boolean => new URL(request.url).pathname === SHELL

const put = async (request: Request, response: Response): Promise<void> => {
  const cache = await caches.open(CACHE)
  await cache.put(request.mode === 'navigate' ? SHELL : request.url, response)
}

const fromCache = async (request: Request, isPage: boolean): Promise<Response | undefined> => {
  const cache = await caches.open(CACHE)
  return cache.match(isPage ? SHELL : request.url)
}
