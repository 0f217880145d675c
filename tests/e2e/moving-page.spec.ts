import { launchBrowser } from '../../scripts/browser.ts'
import { roomStatus } from '../../scripts/pod.ts'
import { expect, test } from '../fixtures/pod.ts'

test.use({ name: 'moving-page' })

const MOVER = { handle: 'alice.test', email: 'alice@example.com', password: 'long enough', did: 'did:plc:ewvi7nxzyoun6zhxrhs64oiz' }

test('an address waits for an account with a code that opens it, and is free again when nobody comes', async ({ room }) => {
  const context = await launchBrowser({ profileDir: `${room.directory}/profile`, headless: true })
  try {
    const page = await context.newPage()
    await page.goto(room.claimUrl)
    await page.getByRole('link', { name: 'Move it here' }).click()
    await page.getByRole('button', { name: 'Take this address and wait' }).click()
    const home = page.getByTestId('home')
    await expect(home.getByRole('status')).toHaveText(/^\s*Waiting for an account/)
    expect(await roomStatus(room.url)).toMatchObject({ bound: true, online: true })

    const commands = await page.getByText('goat account migrate').innerText()
    const code = /--invite-code (\S+)/.exec(commands)?.[1]
    expect(code).toBeTruthy()
    const create = (inviteCode: string): Promise<Response> =>
      room.request('/xrpc/com.atproto.server.createAccount', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...MOVER, inviteCode }),
      })
    expect(await (await create('wrong-code')).json()).toMatchObject({ error: 'InvalidInviteCode' })
    // The right code is not enough for a DID that exists: its owner has to have signed for it.
    expect(await (await create(code!)).json()).toMatchObject({ error: 'AuthenticationRequired' })
    await expect(page.getByTestId('strip').getByText('com.atproto.server.createAccount').first()).toBeVisible()

    await page.getByRole('button', { name: 'Stop waiting' }).click()
    await page.getByRole('button', { name: 'Really give the address up' }).click()
    await expect(page.getByTestId('first-visit')).toBeVisible()
    await expect.poll(async () => (await roomStatus(room.url)).bound).toBe(false)
  } finally {
    await context.close()
  }
})
