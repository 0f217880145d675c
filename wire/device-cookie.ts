/** The two cookies that a pod's host ever sets, both to know browsers again. The tab chooses their values, the room writes everything else. */

/** `__Host-`: this host alone, over TLS. @see https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#section-4.1.3.2 */
export const DEVICE_COOKIE = '__Host-tabpod-device'

/** On an answer of the tab: the value that the browser shall keep; empty: it shall forget the one it has. */
export const DEVICE_HEADER = 'x-tabpod-device'

/** By this one the browser's own requests are known when a site asks who its user is: they come from that site, so it is the one that goes along. @see docs/protocol.md, "FedCM" */
export const FEDCM_COOKIE = '__Host-tabpod-fedcm'

/** As DEVICE_HEADER. */
export const FEDCM_HEADER = 'x-tabpod-fedcm'

/** No character that would end the value, or begin an attribute. */
export const isDeviceValue = (value: string): boolean => /^[\w.-]{1,160}$/.test(value)

/** Of a Cookie header; null where there is none of that name, or more than one: somebody has slipped one in. */
export const cookieValue = (cookies: string | null, name: string): string | null => {
  const values = (cookies ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1))
  const [value] = values
  return value !== undefined && values.length === 1 && isDeviceValue(value) ? value : null
}
