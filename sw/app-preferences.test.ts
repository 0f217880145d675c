import { AtpAgent } from '@atproto/api'
import { describe, expect, test } from 'vitest'
import type { AccessScope } from './account/sessions.ts'
import { APPVIEW, call as callOf, errorOf, type Init, json, LABELER, ORIGIN, servePod } from './served-pod.ts'

const served = servePod()
const call = (path: string, init?: Init) => callOf(served, path, init)

describe('preferences', () => {
  const adult = { $type: 'app.bsky.actor.defs#adultContentPref', enabled: true }
  const details = { $type: 'app.bsky.actor.defs#personalDetailsPref', birthDate: '2010-06-15T00:00:00.000Z' }
  const declared = { $type: 'app.bsky.actor.defs#declaredAgePref', isOverAge13: true, isOverAge16: true, isOverAge18: false }
  const put = (preferences: unknown[], scope: AccessScope = 'com.atproto.access') =>
    call('app.bsky.actor.putPreferences', { ...json({ preferences }), scope })
  const got = async (scope: AccessScope = 'com.atproto.access') =>
    ((await (await call('app.bsky.actor.getPreferences', { scope })).json()) as { preferences: unknown[] }).preferences

  test('stay here, keep their order, and work with the official client', async () => {
    const agent = new AtpAgent({ service: ORIGIN, fetch: (input, init) => served.pod.handle(new Request(input, init), { origin: 'shim' }) })
    await agent.login({ identifier: 'alice.test', password: 'correct horse' })
    await agent.setAdultContentEnabled(true)
    expect((await agent.getPreferences()).moderationPrefs.adultContentEnabled).toBe(true)
    const unknown = { $type: 'app.bsky.actor.defs#futurePref', any: { depth: [1, 'two'] } }
    await put([unknown, adult])
    expect(await got()).toEqual([unknown, adult])
    expect(served.sent).toEqual([])
  })

  test('an app password neither learns nor removes the birth date', async () => {
    expect((await put([details, adult])).status).toBe(200)
    expect(await got()).toEqual([details, adult, declared])
    expect(await got('com.atproto.appPass')).toEqual([adult, declared])
    expect((await put([details], 'com.atproto.appPass')).status).toBe(400)
    expect((await put([declared], 'com.atproto.appPass')).status).toBe(200)
    expect(await got()).toEqual([details, declared])
  })

  test.each([
    ['another namespace', [{ $type: 'com.example.pref' }]],
    ['a namespace that begins alike', [{ $type: 'app.bskyevil.pref' }]],
    ['no type', [{ enabled: true }]],
    ['a known type that is wrong', [{ $type: 'app.bsky.actor.defs#adultContentPref', enabled: 'yes' }]],
  ])('with %s are refused, and nothing changes', async (_, preferences) => {
    await put([adult])
    expect(await errorOf(await put(preferences))).toMatchObject({ status: 400, error: 'InvalidRequest' })
    expect(await got()).toEqual([adult])
  })

  test('of another AppView are its own', async () => {
    served.answers['labeler.example/xrpc/app.bsky.actor.getPreferences'] = () => Response.json({ preferences: ['elsewhere'] })
    const response = await call('app.bsky.actor.getPreferences', { proxy: LABELER })
    expect(await response.json()).toEqual({ preferences: ['elsewhere'] })
    expect(await (await call('app.bsky.actor.getPreferences', { proxy: APPVIEW })).json()).toEqual({ preferences: [] })
    served.services = { appview: null, plc: null, mail: false }
    const official = await call('app.bsky.actor.getPreferences', { proxy: 'did:web:api.bsky.app#bsky_appview' })
    expect(await official.json()).toEqual({ preferences: [] })
  })
})
