/** Hosts that never leave the machine: plain http is a secure context there. @see https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy */

/** @param hostname as `URL.hostname` writes it: lower case, no port, IPv6 in brackets. */
export const isLoopbackHost = (hostname: string): boolean =>
  hostname === 'localhost' || hostname.endsWith('.localhost') || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname)
