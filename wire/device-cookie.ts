/** The one cookie that a pod's host ever sets: it tells browsers apart that are not the owner's own. The tab chooses its value, the room writes everything else. */

/** `__Host-`: this host alone, over TLS. @see https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html#section-4.1.3.2 */
export const DEVICE_COOKIE = '__Host-tabpod-device'

/** On an answer of the tab: the value that the browser shall keep; empty: it shall forget the one it has. */
export const DEVICE_HEADER = 'x-tabpod-device'

/** No character that would end the value, or begin an attribute. */
export const isDeviceValue = (value: string): boolean => /^[\w.-]{1,160}$/.test(value)
