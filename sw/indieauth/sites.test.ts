import 'fake-indexeddb/auto'
import { expect, it } from 'vitest'
import { INDIE_CODE_TTL_MS } from '../../wire/indieauth-limits.ts'
import { digestOf } from '../oauth/devices.ts'
import { readOAuthLedger } from '../store/oauth-ledger.ts'
import { openStore } from '../store/open.ts'
import { sitesOf } from './sites.ts'

const SITE = 'https://site.example/'
const DEVICE = 'dev-1'
const GRANT = { clientId: SITE, redirectUri: null, scopes: ['profile'], codeChallenge: 'c', deviceId: DEVICE }

const stage = async () => {
  const store = await openStore(crypto.randomUUID())
  const clock = { now: 1_000_000 }
  const device = { id: DEVICE, userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', address: null }
  await store.put('oauthDevices', { ...device, createdAt: 0, lastSeenAt: 0 })
  return { store, clock, sites: sitesOf({ store, now: () => clock.now }) }
}

it('remembers what a site was let have, by which roads, and says it in the ledger', async () => {
  const { store, clock, sites } = await stage()
  await sites.allow(GRANT)
  clock.now += 5
  await sites.allow({ ...GRANT, redirectUri: `${SITE}back`, scopes: ['profile', 'email'] })
  expect(await sites.known()).toEqual([
    { clientId: SITE, scopes: ['profile', 'email'], roads: ['fedcm', 'redirect'], createdAt: 1_000_000, updatedAt: 1_000_005 },
  ])
  expect(await readOAuthLedger(store)).toEqual([
    {
      at: 1_000_005,
      what: 'site',
      outcome: 'done',
      clientId: SITE,
      scope: 'profile email',
      note: 'redirect',
      deviceId: DEVICE,
      device: 'Firefox on Linux',
    },
    expect.objectContaining({ at: 1_000_000, scope: 'profile', note: 'fedcm' }),
  ])
})

it('lets a site in again only for what it was let have, and never one that was forgotten', async () => {
  const { store, sites } = await stage()
  const again = (scopes: readonly string[], clientId = SITE) => sites.allowAgain({ ...GRANT, clientId, scopes })
  expect(await again([])).toBeNull()
  await sites.allow(GRANT)
  expect([await again([]), await again(['profile'])]).toEqual([expect.any(String), expect.any(String)])
  const before = [await sites.known(), await store.getAll('indieCodes'), await readOAuthLedger(store)]
  expect([await again(['profile', 'email']), await again([], 'https://other.example/')]).toEqual([null, null])
  expect([await sites.known(), await store.getAll('indieCodes'), await readOAuthLedger(store)]).toEqual(before)
  await sites.forget(SITE)
  expect(await again([])).toBeNull()
  expect(await sites.known()).toEqual([])
})

it('keeps codes as digests, and none that has expired', async () => {
  const { store, clock, sites } = await stage()
  const first = await sites.allow(GRANT)
  expect(await store.getAll('indieCodes')).toEqual([
    expect.objectContaining({ digest: await digestOf(first), clientId: SITE, redirectUri: null, expiresAt: clock.now + INDIE_CODE_TTL_MS }),
  ])
  clock.now += INDIE_CODE_TTL_MS
  const second = await sites.allow(GRANT)
  expect(await store.getAllKeys('indieCodes')).toEqual([await digestOf(second)])
})

it('writes a refusal down, and knows nobody by it', async () => {
  const { store, sites } = await stage()
  await sites.refuse({ clientId: SITE, road: 'fedcm', deviceId: DEVICE })
  expect(await sites.known()).toEqual([])
  expect(await readOAuthLedger(store)).toEqual([
    expect.objectContaining({ what: 'site', outcome: 'refused', clientId: SITE, note: 'fedcm' }),
  ])
})

it('forgets a site with its codes and tokens, and no other one', async () => {
  const { store, sites } = await stage()
  const other = 'https://other.example/'
  const token = { kind: 'access' as const, grant: 'g', scopes: [], createdAt: 0, expiresAt: 1 }
  await sites.allow(GRANT)
  await store.put('indieTokens', { ...token, digest: 't1', clientId: SITE })
  await sites.allow({ ...GRANT, clientId: other })
  await store.put('indieTokens', { ...token, digest: 't2', clientId: other })
  expect(await sites.forget(SITE)).toBe(true)
  expect(await sites.forget(SITE)).toBe(false)
  expect((await sites.known()).map(({ clientId }) => clientId)).toEqual([other])
  expect((await store.getAll('indieCodes')).map(({ clientId }) => clientId)).toEqual([other])
  expect(await store.getAllKeys('indieTokens')).toEqual(['t2'])
  const [last] = await readOAuthLedger(store)
  expect(last).toMatchObject({ what: 'site-end', outcome: 'done', clientId: SITE, note: 'forgotten' })
})
