import { expect, test } from 'vitest'
import { unsupported } from './support.ts'

const good = { isSecureContext: true, navigator: { serviceWorker: {}, locks: {} }, indexedDB: {} }

test('a modern browser on https or localhost is supported', () => expect(unsupported(good)).toBeNull())
test('plain http is named first: it hides the worker as well', () => {
  expect(unsupported({ ...good, isSecureContext: false, navigator: {} })).toBe('insecure')
})
test('a private window without service workers', () => expect(unsupported({ ...good, navigator: { locks: {} } })).toBe('no-worker'))
test('a browser without Web Locks', () => expect(unsupported({ ...good, navigator: { serviceWorker: {} } })).toBe('old-browser'))
