/**
 * Starts the reference PDS with a PLC directory of its own and one account, prints one JSON line `{url, did, handle, password, plc}`,
 * and runs until it is told to stop (SIGTERM, or its standard input closing).
 *
 * Production mode: with the hostname `localhost` the reference validates every answer it gives, which would flatter us in benchmarks.
 * `--dev` starts it that way all the same, for tests that need did:web and http addresses on localhost to resolve; and there each mail that it would
 * send is a line of its own, `{mail, token}`.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secp256k1Keypair } from '@atproto/crypto'
import { TestPlc } from '@atproto/dev-env'
import { PDS } from '@atproto/pds'

const freePort = () =>
  new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address()
      probe.close(() => resolve(port))
    })
  })

const dev = process.argv.includes('--dev')
const directory = await mkdtemp(join(tmpdir(), 'tabpod-reference-'))
await mkdir(join(directory, 'data'))
const port = await freePort()
const plc = await TestPlc.create({ port: await freePort() })
const rotationKey = await Secp256k1Keypair.create({ exportable: true })

const pds = await PDS.fromEnv({
  port,
  devMode: dev,
  hostname: dev ? 'localhost' : 'reference.test',
  dataDirectory: join(directory, 'data'),
  blobstoreDiskLocation: join(directory, 'blobs'),
  blobUploadLimit: 100 * 1024 * 1024,
  didPlcUrl: plc.url,
  plcRotationKeyK256PrivateKeyHex: Buffer.from(await rotationKey.export()).toString('hex'),
  recoveryDidKey: (await Secp256k1Keypair.create()).did(),
  adminPassword: 'admin',
  jwtSecret: 'reference-jwt-secret-reference-jwt-secret',
  serviceHandleDomains: ['.test'],
  inviteRequired: false,
  disableSsrfProtection: true,
  bskyAppViewUrl: 'https://appview.invalid',
  bskyAppViewDid: 'did:example:invalid',
  modServiceUrl: 'https://moderator.invalid',
  modServiceDid: 'did:example:invalid',
})
if (dev) {
  pds.ctx.mailer.sendTemplate = async (mail, { token }) => void process.stdout.write(`${JSON.stringify({ mail, token })}\n`)
}
await pds.start()

const url = `http://127.0.0.1:${port}`
const handle = 'alice.test'
const password = 'reference-password'
const response = await fetch(`${url}/xrpc/com.atproto.server.createAccount`, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ email: 'alice@reference.test', handle, password }),
})
if (!response.ok) throw new Error(`the reference PDS refused its first account: ${await response.text()}`)
const { did } = await response.json()
process.stdout.write(`${JSON.stringify({ url, did, handle, password, plc: plc.url })}\n`)

const stop = async () => {
  await pds.destroy()
  await plc.close()
  await rm(directory, { recursive: true, force: true })
  process.exit(0)
}
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
process.stdin.once('end', stop).resume()
