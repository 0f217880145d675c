/** Both runtimes compress text by themselves, as Cloudflare's edge does, so the room does not: what they do is held here. CARs and blobs are sent as they are. */
import { request } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RUNTIMES, setStage, type Stage } from './abuse/stage.ts'

const LONG = JSON.stringify({ text: 'the same again '.repeat(1000) })
const TYPES: Readonly<Record<string, string>> = {
  list: 'application/json; charset=utf-8',
  car: 'application/vnd.ipld.car',
  blob: 'image/jpeg',
}

describe.each(RUNTIMES)('on %s', (runtime) => {
  let stage: Stage
  beforeAll(async () => {
    stage = await setStage(runtime)
    stage.answer = ({ id, path }, tab) => {
      const type = TYPES[path.slice('/xrpc/'.length)] ?? 'text/plain'
      tab.send({ t: 'response', id, status: 200, headers: [['content-type', type]], body: 'whole' }, new TextEncoder().encode(LONG))
    }
  }, 120_000)
  afterAll(() => stage?.stop())

  /** Bytes as they came: fetch() would decode them. */
  const get = (path: string, accepted?: string): Promise<{ readonly encoding: string | undefined; readonly body: Buffer }> =>
    new Promise((resolve, reject) => {
      const headers = { host: stage.host, ...(accepted !== undefined && { 'accept-encoding': accepted }) }
      const asked = request({ host: '127.0.0.1', port: stage.room.port, path: `/xrpc/${path}`, headers }, (answer) => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('end', () => resolve({ encoding: answer.headers['content-encoding'], body: Buffer.concat(pieces) }))
      })
      asked.on('error', reject).end()
    })

  test.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ] as const)('a list of records is compressed for who accepts %s', async (accepted, decompress) => {
    const { encoding, body } = await get('list', accepted)
    expect(encoding).toBe(accepted)
    expect(body.length).toBeLessThan(LONG.length / 5)
    expect(decompress(body).toString()).toBe(LONG)
  })

  test.each([undefined, 'identity'])('for who accepts %s it comes as it is', async (accepted) => {
    const { encoding, body } = await get('list', accepted)
    expect(encoding).toBeUndefined()
    expect(body.toString()).toBe(LONG)
  })

  test.each(['car', 'blob'])('a %s comes as it is, whatever is accepted', async (path) => {
    const { encoding, body } = await get(path, 'gzip, br')
    expect(encoding).toBeUndefined()
    expect(body.toString()).toBe(LONG)
  })
})
