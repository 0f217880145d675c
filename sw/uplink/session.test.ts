import { cidForCbor } from '@atproto/lex-data'
import { encode } from '@ipld/dag-cbor'
import { describe, expect, it } from 'vitest'
import { CHUNK_BYTES, STREAM_WINDOW_BYTES } from '../../wire/limits.ts'
import { writeCar } from '../repo/car.ts'
import { mirrorAt, quiet, revOf, ScriptedRoom, SmallPod, until } from './testing.ts'

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

describe('joining', () => {
  it('answers the challenge with a signed hello that carries the claim and the documents', async () => {
    const room = new ScriptedRoom(new SmallPod(), { claim: 'token' })
    room.say({ t: 'challenge', host: 'pod.test', nonce: 'n', bound: false, policy: 'token' })
    const { head } = await room.next('hello')
    expect(head).toMatchObject({ did: 'did:web:pod.test', claim: 'token', documents: { '/.well-known/did.json': '{}' } })
    expect(atob(head.sig.replaceAll('-', '+').replaceAll('_', '/'))).toMatch(/^tabpod\.v1\npod\.test\nn\ndid:web:pod\.test\n/)
  })

  it('signs nothing for another host', async () => {
    const room = new ScriptedRoom(new SmallPod())
    room.say({ t: 'challenge', host: 'evil.test', nonce: 'n', bound: false, policy: 'open' })
    await until(() => room.words.some((word) => 'close' in word))
    expect(room.words[1]).toMatchObject({ link: { state: 'refused', error: 'WrongHost' } })
    expect(room.frames).toEqual([])
  })

  it('tells the page why the room refused, and hangs up', () => {
    const room = new ScriptedRoom(new SmallPod())
    room.say({ t: 'refused', error: 'ClaimRequired', message: 'show the token' })
    expect(room.words).toEqual([
      { link: { state: 'refused', error: 'ClaimRequired', message: 'show the token' } },
      { close: 'ClaimRequired' },
    ])
  })

  it('tries again by itself after a refusal that may pass, and shows the reason meanwhile', () => {
    const room = new ScriptedRoom(new SmallPod())
    room.say({ t: 'refused', error: 'TooManyConnections', message: 'too many' })
    expect(room.words).toEqual([{ link: { state: 'offline', message: 'too many' } }, { close: 'TooManyConnections' }])
  })

  it('hangs up on what is no frame, and on a welcome that nobody asked for', () => {
    const garbage = new ScriptedRoom(new SmallPod())
    garbage.session.receive(new Uint8Array([0, 0, 0, 9, 1]).buffer)
    expect(garbage.words).toEqual([{ close: 'BadFrame' }])
    const early = new ScriptedRoom(new SmallPod())
    early.say({ t: 'welcome', mirror: null, event: 0, services: { appview: null, plc: null, mail: false } })
    expect(early.words).toEqual([{ close: 'BadFrame' }])
  })
})

describe('the outbox', () => {
  it('sends what the mirror lacks, then ready', async () => {
    const pod = new SmallPod()
    for (let n = 0; n < 4; n++) pod.land()
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(2), 2)
    expect(room.kinds()).toEqual(['hello', 'event', 'event', 'ready'])
    expect(room.all('event').map(({ head }) => head.event)).toEqual([3, 4])
    expect(room.words.at(-1)).toEqual({ link: { state: 'online' } })
  })

  it('lets nothing more be written where the account was restored in another browser', async () => {
    const pod = new SmallPod()
    const room = new ScriptedRoom(pod)
    room.say({ t: 'refused', error: 'RestoredElsewhere', message: 'it lives there now' })
    expect(pod.suspended).toBe('RestoredElsewhere')
    expect(room.words.at(-2)).toMatchObject({ link: { state: 'refused', error: 'RestoredElsewhere' } })
  })

  it('repeats neither a commit nor an identity event the room has numbered', async () => {
    const pod = new SmallPod()
    pod.land()
    pod.land({ kind: 'identity', rev: undefined as never })
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 2)
    expect(room.all('event')).toEqual([])
  })

  it('sends the documents of a change that fell between its hello and the welcome', async () => {
    const pod = new SmallPod()
    pod.land()
    const room = new ScriptedRoom(pod)
    room.say({ t: 'challenge', host: 'pod.test', nonce: 'n', bound: true, policy: 'open' })
    await room.next('hello')
    pod.land({ kind: 'identity', rev: undefined as never })
    room.say({ t: 'welcome', mirror: mirrorAt(1), event: 1, services: { appview: null, plc: null, mail: false } })
    await room.next('ready')
    expect(room.kinds()).toEqual(['hello', 'documents', 'event', 'ready'])
  })

  it('sends blobs before the event that mentions them, and the event before the answer of the write', async () => {
    const pod = new SmallPod()
    pod.land()
    pod.store('bafkblob', 300_000, revOf(2))
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    pod.answer = () => {
      pod.land({ blobs: ['bafkblob'] })
      return Response.json({ ok: true })
    }
    room.request(1, { method: 'POST', path: '/xrpc/com.atproto.repo.createRecord' })
    await until(() => room.all('body').some(({ head }) => head.end))
    await quiet()
    expect(room.kinds()).not.toContain('event')
    room.say({ t: 'blob-stored', cid: 'bafkblob' })
    await room.next('response')
    expect(room.kinds().slice(2)).toEqual(['blob', 'body', 'body', 'body', 'body', 'event', 'response'])
  })

  it('sends a landed event in the very turn it lands', async () => {
    const pod = new SmallPod()
    pod.land()
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    pod.land()
    expect(room.kinds().at(-1)).toBe('event')
  })

  it('lets the event go on when the mirror refuses its blob in the middle', async () => {
    const pod = new SmallPod()
    pod.land()
    pod.store('bafkblob', 3 * STREAM_WINDOW_BYTES, revOf(2))
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    pod.land({ blobs: ['bafkblob'] })
    await until(() => room.all('body').length === STREAM_WINDOW_BYTES / CHUNK_BYTES)
    room.say({ t: 'blob-refused', cid: 'bafkblob', error: 'BlobTooLarge', message: 'too large' })
    expect((await room.next('event')).head.event).toBe(2)
  })

  it('cuts a long event into parts', async () => {
    const pod = new SmallPod()
    const body = crypto.getRandomValues(new Uint8Array(60_000))
    pod.land({ body: new Uint8Array([...body, ...body, ...body]) })
    const room = new ScriptedRoom(pod)
    await room.join()
    expect(room.all('event')[0]?.head.size).toBe(180_000)
    expect((room.all('event')[0]?.payload.length ?? 0) + (room.all('event-part')[0]?.payload.length ?? 0)).toBe(180_000)
  })

  it('takes back from the mirror what it had sent and lost, and only that', async () => {
    const pod = new SmallPod()
    pod.land()
    pod.land()
    pod.acknowledgedEvent = 2
    const asked: string[] = []
    const cid = await cidForCbor(encode({}))
    const car = writeCar(cid, [{ cid, bytes: encode({}) }])
    const room = new ScriptedRoom(pod, {
      fetch: (input) => {
        asked.push(String(input))
        return Promise.resolve(new Response(car))
      },
    })
    await room.join(mirrorAt(7), 7)
    expect(asked).toEqual(['https://pod.test/xrpc/com.atproto.sync.getRepo?did=did%3Aweb%3Apod.test&since=rev0002'])
    expect(pod.adopted).toEqual(car)
    expect(pod.suspended).toBeNull()
    expect(room.all('event')).toEqual([])
  })

  it('asks the room for its word about a head that was not acknowledged here, before it takes back what came after it', async () => {
    for (const isOurs of [true, false]) {
      const pod = new SmallPod()
      pod.land()
      pod.land()
      const cid = await cidForCbor(encode({}))
      const car = writeCar(cid, [{ cid, bytes: encode({}) }])
      const room = new ScriptedRoom(pod, { fetch: () => Promise.resolve(new Response(car)) })
      const joined = room.join(mirrorAt(7), 7)
      joined.catch(() => {})
      expect((await room.next('event')).head.event).toBe(2)
      expect([pod.suspended, pod.adopted]).toEqual(['RepoBehindMirror', null])
      if (isOurs) {
        room.say({ t: 'accepted', event: 2, seq: 5 })
        await joined
        expect([pod.suspended, pod.adopted]).toEqual([null, car])
      } else {
        room.say({ t: 'rejected', event: 2, error: 'OutOfSync', message: 'it does not follow' })
        await until(() => room.words.some((word) => 'close' in word))
        expect([pod.suspended, pod.adopted]).toEqual(['RepoFork', null])
      }
      expect(room.all('event')).toHaveLength(1)
    }
  })

  it('takes back the whole repo when more was lost than a row of the log may hold', async () => {
    const pod = new SmallPod()
    pod.land()
    pod.acknowledgedEvent = 1
    const bytes = encode({ text: 'x'.repeat(900_000) })
    const cid = await cidForCbor(bytes)
    const car = writeCar(
      cid,
      Array.from({ length: 3 }, () => ({ cid, bytes })),
    )
    const asked: string[] = []
    const room = new ScriptedRoom(pod, {
      fetch: (input) => {
        asked.push(new URL(String(input)).search)
        return Promise.resolve(new Response(car))
      },
    })
    await room.join(mirrorAt(7), 7)
    const repo = '?did=did%3Aweb%3Apod.test'
    expect(asked).toEqual([`${repo}&since=rev0001`, `${repo}&since=rev0001`, repo])
    expect(pod.adopted).toEqual(car)
    expect([pod.suspended, room.all('event')]).toEqual([null, []])
  })

  it('refuses to write when the mirror holds a commit of another branch', async () => {
    for (const mirror of [
      { ...mirrorAt(2), commit: 'other' },
      { ...mirrorAt(1), rev: 'rev0001x' },
    ]) {
      const pod = new SmallPod()
      pod.land()
      pod.land()
      const room = new ScriptedRoom(pod)
      room.join(mirror, 1).catch(() => {})
      await until(() => room.words.some((word) => 'close' in word))
      expect(pod.suspended).toBe('RepoFork')
      expect(room.words.at(-2)).toMatchObject({ link: { state: 'refused', error: 'RepoFork' } })
      expect(room.all('event')).toEqual([])
    }
  })

  it('joins anew after the first rejected event, and shows the second', async () => {
    for (const rejoins of [true, false]) {
      const pod = new SmallPod()
      pod.land()
      const room = new ScriptedRoom(pod, { rejoins: () => rejoins })
      await room.join()
      room.say({ t: 'rejected', event: 1, error: 'BadSignature', message: 'no' })
      expect(room.words.at(-1)).toEqual({ close: 'BadSignature' })
      expect(room.words.some((word) => 'link' in word && word.link.state === 'refused')).toBe(!rejoins)
    }
  })
})

describe('requests', () => {
  const joined = async (answer: (request: Request) => Response | Promise<Response>) => {
    const pod = new SmallPod()
    pod.answer = answer
    pod.land()
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    return { pod, room }
  }

  it('pass method, path, headers, body, key and retry to the pod', async () => {
    const { pod, room } = await joined(async (request) =>
      Response.json({
        url: request.url,
        method: request.method,
        length: request.headers.get('content-length'),
        origin: request.headers.get('origin'),
        body: await request.text(),
      }),
    )
    const body = new TextEncoder().encode('hé')
    const headers: [string, string][] = [
      ['content-length', '3'],
      ['origin', 'https://app.test'],
    ]
    room.request(5, { method: 'POST', path: '/xrpc/a?b=c', headers, body: 'whole', key: 'k', retry: true }, body)
    const { head, payload } = await room.next('response')
    expect(head).toMatchObject({ id: 5, status: 200, body: 'whole' })
    expect(JSON.parse(text(payload))).toEqual({
      url: 'https://pod.test/xrpc/a?b=c',
      method: 'POST',
      length: '3',
      origin: 'https://app.test',
      body: 'hé',
    })
    expect(pod.contexts).toEqual([{ origin: 'shim', key: 'k', retry: true }])
  })

  it('keep 400 in flight apart, whatever order they end in', async () => {
    const { room } = await joined(async (request) => {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20))
      return Response.json({ path: new URL(request.url).pathname })
    })
    for (let id = 1; id <= 400; id++) room.request(id, { path: `/${id}` })
    await until(() => room.all('response').length === 400)
    for (const { head, payload } of room.all('response')) expect(JSON.parse(text(payload))).toEqual({ path: `/${head.id}` })
    expect(new Set(room.all('response').map(({ head }) => head.id)).size).toBe(400)
  })

  it('stream a long answer and wait for credit', async () => {
    const size = STREAM_WINDOW_BYTES + 3 * CHUNK_BYTES
    const { room } = await joined(() => new Response(new Blob([new Uint8Array(size)]).stream()))
    const sent = () => room.all('body').reduce((sum, { payload }) => sum + payload.length, 0)
    room.request(1)
    expect((await room.next('response')).head.body).toBe('stream')
    await until(() => sent() > STREAM_WINDOW_BYTES - CHUNK_BYTES)
    await quiet()
    expect(sent()).toBeLessThanOrEqual(STREAM_WINDOW_BYTES)
    room.say({ t: 'credit', of: 'response', id: 1, bytes: 4 * CHUNK_BYTES })
    await until(() => room.all('body').some(({ head }) => head.end))
    expect(sent()).toBe(size)
  })

  it('credit a streamed upload only as the pod reads it', async () => {
    let read: ReadableStreamDefaultReader<Uint8Array> | undefined
    let finish: (response: Response) => void = () => {}
    const { room } = await joined((request) => {
      read = request.body?.getReader()
      return new Promise((resolve) => {
        finish = resolve
      })
    })
    room.request(1, { method: 'POST', body: 'stream' })
    const pieces = STREAM_WINDOW_BYTES / CHUNK_BYTES
    for (let n = 0; n < pieces; n++) room.say({ t: 'body', of: 'request', id: 1, end: false }, new Uint8Array(CHUNK_BYTES))
    await quiet()
    expect(room.all('credit').length).toBe(0)
    const reader = await until(() => read)
    for (let n = 0; n < pieces; n++) expect((await reader.read()).value?.length).toBe(CHUNK_BYTES)
    expect(room.all('credit').reduce((sum, { head }) => sum + head.bytes, 0)).toBe(STREAM_WINDOW_BYTES)
    room.say({ t: 'body', of: 'request', id: 1, end: true }, new Uint8Array(5))
    expect((await reader.read()).value?.length).toBe(5)
    expect((await reader.read()).done).toBe(true)
    finish(new Response(null, { status: 204 }))
    expect((await room.next('response')).head).toMatchObject({ status: 204, body: 'none' })
  })

  it('end the connection when the room overruns its window', async () => {
    const { room } = await joined(() => new Promise<Response>(() => {}))
    room.request(1, { method: 'POST', body: 'stream' })
    for (let n = 0; n <= STREAM_WINDOW_BYTES / CHUNK_BYTES; n++) {
      room.say({ t: 'body', of: 'request', id: 1, end: false }, new Uint8Array(CHUNK_BYTES))
    }
    expect(room.words.at(-1)).toEqual({ close: 'BadFrame' })
  })

  it('abort when the client is gone, and are then answered by nobody', async () => {
    const aborted: string[] = []
    const { room } = await joined(
      (request) =>
        new Promise((resolve) => {
          request.signal.addEventListener('abort', () => {
            aborted.push(String(request.signal.reason))
            resolve(new Response('late'))
          })
        }),
    )
    room.request(1)
    await quiet()
    room.say({ t: 'cancel', of: 'request', id: 1, reason: 'client closed' })
    await quiet()
    expect(aborted).toEqual(['AbortError: client closed'])
    expect(room.all('response')).toEqual([])
    room.request(1)
    await quiet()
    expect(room.words.some((word) => 'close' in word)).toBe(false)
  })

  it('answer 500 in the right shape when the pod throws', async () => {
    const { room } = await joined(() => Promise.reject(new Error('secret')))
    room.request(1)
    const { head, payload } = await room.next('response')
    expect(head.status).toBe(500)
    expect(JSON.parse(text(payload))).toEqual({
      error: 'InternalServerError',
      message: expect.stringMatching(/^Internal Server Error \(request [0-9a-f-]{13}\)$/),
    })
  })
})

describe('egress', () => {
  it('fetches through the room, and fails at once when the connection is gone', async () => {
    const pod = new SmallPod()
    pod.land()
    const room = new ScriptedRoom(pod)
    await expect(room.egress.fetch('https://a.test/')).rejects.toMatchObject({ error: 'UplinkClosed' })
    await room.join(mirrorAt(1), 1)
    const first = room.egress.fetch('https://a.test/', { headers: { accept: 'application/json' } })
    const { head } = await room.next('egress')
    expect(head).toMatchObject({ method: 'GET', url: 'https://a.test/', headers: [['accept', 'application/json']] })
    room.say({ t: 'fetched', id: head.id, status: 200, headers: [], body: 'whole' }, new TextEncoder().encode('hello'))
    expect(await (await first).text()).toBe('hello')
    const second = room.egress.fetch('https://b.test/')
    await room.next('egress')
    room.say({ t: 'unfetched', id: head.id + 1, error: 'PrivateAddress', message: 'no' })
    await expect(second).rejects.toMatchObject({ error: 'PrivateAddress' })
    const third = room.egress.fetch('https://c.test/')
    await room.next('egress')
    room.session.close()
    await expect(third).rejects.toMatchObject({ error: 'UplinkClosed' })
  })

  it('streams bodies both ways, and a reader who leaves is noticed', async () => {
    const pod = new SmallPod()
    pod.land()
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    const upload = new Uint8Array(STREAM_WINDOW_BYTES + 1)
    const asked = room.egress.fetch('https://a.test/', { method: 'POST', body: new Blob([upload]).stream() })
    const { id } = (await room.next('egress')).head
    await until(() => room.all('body').reduce((sum, { payload }) => sum + payload.length, 0) >= STREAM_WINDOW_BYTES - CHUNK_BYTES)
    expect(room.all('body').some(({ head }) => head.end)).toBe(false)
    room.say({ t: 'credit', of: 'egress-request', id, bytes: CHUNK_BYTES })
    await until(() => room.all('body').some(({ head }) => head.end && head.of === 'egress-request'))

    room.say({ t: 'fetched', id, status: 200, headers: [['content-type', 'text/plain']], body: 'stream' })
    const response = await asked
    expect(response.headers.get('content-type')).toBe('text/plain')
    const reader = response.body!.getReader()
    room.say({ t: 'body', of: 'egress-response', id, end: false }, new TextEncoder().encode('begun'))
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('begun')
    await reader.cancel()
    expect((await room.next('cancel')).head).toMatchObject({ of: 'egress-response', id })
  })

  it('a body that breaks off fails for its reader, an aborted fetch is cancelled', async () => {
    const pod = new SmallPod()
    pod.land()
    const room = new ScriptedRoom(pod)
    await room.join(mirrorAt(1), 1)
    const first = room.egress.fetch('https://a.test/')
    const { id } = (await room.next('egress')).head
    room.say({ t: 'fetched', id, status: 200, headers: [], body: 'stream' })
    room.say({ t: 'cancel', of: 'egress-response', id, reason: 'broken' })
    await expect((await first).text()).rejects.toMatchObject({ error: 'UpstreamFailure' })

    const abort = new AbortController()
    const second = room.egress.fetch('https://b.test/', { signal: abort.signal })
    await room.next('egress')
    abort.abort(new Error('client gone'))
    await expect(second).rejects.toThrow('client gone')
    expect((await room.next('cancel')).head).toMatchObject({ of: 'egress-response', id: id + 1 })
  })
})
