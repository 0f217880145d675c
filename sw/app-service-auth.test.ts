import { describe, expect, test } from 'vitest'
import type { AccessScope } from './account/sessions.ts'
import { call, DID, errorOf, servePod, verified } from './served-pod.ts'

const served = servePod()

describe('getServiceAuth', () => {
  const ask = (query: string, scope?: AccessScope) => call(served, `com.atproto.server.getServiceAuth?${query}`, scope ? { scope } : {})
  const inSeconds = (seconds: number) => Math.floor(Date.now() / 1000) + seconds

  test.each(['did:web:video.example', 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa', 'did:web:video.example%23bsky_fg'])(
    'signs a token for %s that anyone can check',
    async (aud) => {
      const { token } = (await (await ask(`aud=${aud}&lxm=com.atproto.repo.uploadBlob`)).json()) as { token: string }
      const { iat, exp, jti, ...claims } = await verified(served, token)
      expect(claims).toEqual({ iss: DID, aud: decodeURIComponent(aud), lxm: 'com.atproto.repo.uploadBlob', kid: `${DID}#atproto` })
      expect(exp! - iat!).toBe(60)
      expect(jti).toMatch(/^[0-9a-f]{32}$/)
    },
  )

  test('no two tokens are the same, and one without a method says so by leaving it out', async () => {
    const [one, two] = (await Promise.all([1, 2].map(async () => (await ask('aud=did:web:a.example')).json()))) as { token: string }[]
    expect(one!.token).not.toBe(two!.token)
    expect(await verified(served, one!.token)).not.toHaveProperty('lxm')
  })

  test('an hour is granted with a method', async () => {
    const exp = inSeconds(3590)
    const answer = (await (await ask(`aud=did:web:a.example&lxm=a.b.c&exp=${exp}`)).json()) as { token: string }
    expect(await verified(served, answer.token)).toMatchObject({ exp })
  })

  test.each([
    ['an audience that is no DID', () => 'aud=https://a.example', 'InvalidRequest'],
    ['an empty service', () => 'aud=did:web:a.example%23', 'InvalidRequest'],
    ['the past', () => `aud=did:web:a.example&exp=${inSeconds(-5)}`, 'BadExpiration'],
    ['more than an hour', () => `aud=did:web:a.example&lxm=a.b.c&exp=${inSeconds(3700)}`, 'BadExpiration'],
    ['more than a minute without a method', () => `aud=did:web:a.example&exp=${inSeconds(90)}`, 'BadExpiration'],
    ['a protected method', () => 'aud=did:web:a.example&lxm=com.atproto.server.createAppPassword', 'InvalidRequest'],
    ['a protected method in other letters', () => 'aud=did:web:a.example&lxm=com.atproto.server.CREATEAPPPASSWORD', 'InvalidRequest'],
  ])('%s is refused', async (_, query, error) => {
    expect(await errorOf(await ask(query()))).toMatchObject({ status: 400, error })
  })

  test('an app password gets no token for chat, a privileged one does', async () => {
    const query = 'aud=did:web:api.bsky.chat&lxm=chat.bsky.convo.listConvos'
    expect((await ask(query, 'com.atproto.appPass')).status).toBe(400)
    expect((await ask(query, 'com.atproto.appPassPrivileged')).status).toBe(200)
  })
})
