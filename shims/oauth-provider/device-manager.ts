/**
 * For the OAuth provider's `device-manager.js`, which reads and writes cookies of Node's requests, and brings the whole of its HTTP layer along. Whose device
 * it is the pages know (sw/oauth/pages): a worker sees no cookies.
 */
export function DeviceManager(): void {}
