/** `npm run demo:rp [-- --port N | --build https://its.address/]`: a relying party to try a pod with (`demo/`), on this machine, or as files for a web server. */
import { readArguments, readPort } from './arguments.ts'
import { buildDemo, type DemoSite, serveDemo } from './demo-site.ts'
import { beforeEnd, end, run, Usage } from './ending.ts'

const DEFAULT_PORT = 5180

/** @throws Usage */
const readAddress = (text: string): string => {
  const url = URL.parse(text)
  if (url?.protocol !== 'https:' || !url.pathname.endsWith('/') || url.search !== '' || url.hash !== '')
    throw new Usage(`--build must be the https address of a directory, with a slash at its end, not "${text}".`)
  return url.href
}

const serve = (port: number): Promise<DemoSite> =>
  serveDemo(port).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== 'EADDRINUSE') throw cause
    throw new Error(`Port ${port} is taken; another one: npm run demo:rp -- --port ${port + 1}`)
  })

run(async () => {
  const { port: portFlag = String(DEFAULT_PORT), build: address } = readArguments({ port: 'string', build: 'string' })
  const port = readPort(portFlag)
  const published = address === undefined ? null : readAddress(address)
  const directory = await buildDemo(published)
  if (published !== null) {
    process.stdout.write(`The files are in ${directory}: put them at ${published}\n`)
    await end(0)
  }
  const { url, stop } = await serve(port)
  beforeEnd(stop)
  process.stdout.write(`
  The demo relying party is at  ${url}

  It wants a pod to sign in with: npm start in another terminal gives you one.
  Ctrl-C stops it.

`)
  await new Promise(() => {})
})
