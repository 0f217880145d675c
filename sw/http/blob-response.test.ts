import { expect, test } from 'vitest'
import { blobToResponse } from './blob-response.ts'

const blob = { cid: 'bafkrei', mime: 'text/html', bytes: new Blob(['0123456789']) }

test('a blob comes whole, as an attachment that nothing runs', async () => {
  const response = blobToResponse(blob, null)
  expect(response.status).toBe(200)
  expect(Object.fromEntries(response.headers)).toEqual({
    'accept-ranges': 'bytes',
    'content-disposition': 'attachment; filename="bafkrei"',
    'content-length': '10',
    'content-security-policy': "default-src 'none'; sandbox",
    'content-type': 'text/html',
    'x-content-type-options': 'nosniff',
  })
  expect(await response.text()).toBe('0123456789')
})

test.each([
  ['bytes=0-3', '0123', 'bytes 0-3/10'],
  ['bytes=7-', '789', 'bytes 7-9/10'],
  ['bytes=-2', '89', 'bytes 8-9/10'],
  ['bytes=-99', '0123456789', 'bytes 0-9/10'],
  ['bytes=8-99', '89', 'bytes 8-9/10'],
])('%s gives a part, with the same protection', async (range, text, contentRange) => {
  const response = blobToResponse(blob, range)
  expect(response.status).toBe(206)
  expect(response.headers.get('content-range')).toBe(contentRange)
  expect(response.headers.get('content-length')).toBe(String(text.length))
  expect(response.headers.get('content-security-policy')).toBe("default-src 'none'; sandbox")
  expect(await response.text()).toBe(text)
})

test.each(['bytes=10-', 'bytes=99-100', 'bytes=-0'])('%s is beyond the end', (range) => {
  expect(() => blobToResponse(blob, range)).toThrow(expect.objectContaining({ status: 416, headers: { 'content-range': 'bytes */10' } }))
})

test.each(['bytes=5-2', 'bytes=0-1,3-4', 'items=0-1', 'bytes=-', 'bytes=a-b'])('%s is ignored', (range) => {
  expect(blobToResponse(blob, range).status).toBe(200)
})
