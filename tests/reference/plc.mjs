/**
 * Starts a PLC directory of its own, in memory, prints one JSON line `{plc}`, and runs until it is told to stop (SIGTERM, or its standard input
 * closing). `--port N` takes that port, so that a directory that went away can come back empty under its address.
 */
import { TestPlc } from '@atproto/dev-env'

const at = process.argv.indexOf('--port')
const plc = await TestPlc.create(at < 0 ? {} : { port: Number(process.argv[at + 1]) })
process.stdout.write(`${JSON.stringify({ plc: plc.url })}\n`)

const stop = async () => {
  await plc.close()
  process.exit(0)
}
process.once('SIGTERM', stop)
process.once('SIGINT', stop)
process.stdin.once('end', stop).resume()
