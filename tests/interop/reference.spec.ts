import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base } from 'playwright/test'
import { hostPod } from '../../scripts/pod.ts'
import { Internet } from '../fixtures/internet.ts'
import { tokenInInbox } from '../fixtures/owner.ts'
import { noDirectory } from '../fixtures/plc-directory.ts'
import { expect, HANDLE, PASSWORD } from '../fixtures/pod.ts'
import { type ReferencePds, startReferencePds } from '../fixtures/reference-pds.ts'
import { compare, type Difference } from './comparison/answer.ts'
import { calls } from './comparison/calls/all.ts'
import { covers, readListed, rowOf } from './comparison/listed.ts'
import { compareOAuth, oauthIds } from './comparison/oauth/compare.ts'
import { CLIENTS_DOMAIN, publishClients } from './comparison/oauth/published.ts'
import { type MailPurpose, Side } from './comparison/side.ts'

const suffix = noDirectory === null ? '' : ` (skipped: ${noDirectory})`

type Mail = Parameters<ReferencePds['token']>[0]

/** As the reference calls them. */
const MAILS: Readonly<Record<MailPurpose, Mail>> = {
  'confirm-email': 'confirmEmail',
  'update-email': 'updateEmail',
  'reset-password': 'resetPassword',
  'plc-operation': 'plcOperation',
  'delete-account': 'deleteAccount',
}

const test = base.extend<object, { differences: readonly Difference[] }>({
  differences: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright wants a destructured first parameter
    async ({}, use) => {
      const home = mkdtempSync(join(tmpdir(), 'tabpod-reference-'))
      const internet = await Internet.start(CLIENTS_DOMAIN)
      publishClients(internet)
      const reference = await startReferencePds(internet.preload())
      const pod = await hostPod({
        shim: {
          persist: join(home, 'room'),
          built: internet.build(join(home, 'built')),
          // Neither side reaches its AppView.
          variables: { TABPOD_APPVIEW: 'did:web:appview.invalid#bsky_appview', TABPOD_ALLOW_LOOPBACK_EGRESS: 'true' },
        },
        browser: { profileDir: join(home, 'profile'), headless: true },
        handle: HANDLE,
        password: PASSWORD,
        plc: reference.plc,
      })
      const sides = [
        new Side(reference, (purpose) => reference.token(MAILS[purpose])),
        new Side({ url: pod.shim.url, did: pod.did, handle: HANDLE, password: PASSWORD }, (purpose) => tokenInInbox(pod.page, purpose)),
      ] as const
      const differences: Difference[] = []
      differences.push(
        ...(await compareOAuth(
          sides.map(({ account }) => account),
          reference.publicUrl,
        )),
      )
      for (const call of calls) {
        const answers = await Promise.all([sides[0].send(call), sides[1].send(call)])
        differences.push(...compare(call.id, ...answers))
      }
      await use(differences)
      await pod.stop()
      await reference.stop()
      await internet.stop()
      rmSync(home, { recursive: true, force: true })
    },
    { scope: 'worker', timeout: 400_000 },
  ],
})

test.skip(noDirectory !== null, noDirectory ?? '')

test(`the script has enough requests, each under a name of its own${suffix}`, () => {
  expect(calls.length).toBeGreaterThanOrEqual(150)
  const ids = [...calls.map(({ id }) => id), ...oauthIds]
  expect(new Set(ids).size).toBe(ids.length)
})

test(`the reference PDS answers them as we do, except for what docs/differences.md lists${suffix}`, ({ differences }) => {
  const listed = readListed()
  const unlisted = differences.filter((difference) => !listed.some((row) => covers(row, difference)))
  expect(unlisted.map(rowOf).join('\n')).toBe('')
})

test(`docs/differences.md lists nothing that is no difference any more${suffix}`, ({ differences }) => {
  const stale = readListed().filter((row) => !differences.some((difference) => covers(row, difference)))
  expect(stale.map(rowOf).join('\n')).toBe('')
})
