/** Command lines: what is asked for, or one clear sentence and exit code 2. */
import { parseArgs } from 'node:util'
import { parsePlcUrl } from '../wire/plc-url.ts'
import { Usage } from './ending.ts'

type Flags = Readonly<Record<string, 'string' | 'boolean'>>
type Values<F extends Flags> = { readonly [K in keyof F]?: F[K] extends 'string' ? string : boolean }

/** @throws Usage on anything that is not in `flags`, and on a flag without its value. */
export const readArguments = <F extends Flags>(flags: F, args: readonly string[] = process.argv.slice(2)): Values<F> => {
  const known = Object.keys(flags).map((name) => `--${name}`)
  const options = Object.fromEntries(Object.entries(flags).map(([name, type]) => [name, { type }]))
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true })
  const values: Record<string, string | boolean> = {}
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') throw new Usage(`Unexpected argument "${token.value}". Known flags: ${known.join(', ')}.`)
    const type = flags[token.name]
    if (type === undefined) throw new Usage(`Unknown flag ${token.rawName}. Known flags: ${known.join(', ')}.`)
    if (type === 'boolean' && token.value !== undefined) throw new Usage(`${token.rawName} takes no value.`)
    const missing = token.value === undefined || token.value === '' || (!token.inlineValue && token.value.startsWith('-'))
    if (type === 'string' && missing) throw new Usage(`${token.rawName} needs a value.`)
    values[token.name] = token.value ?? true
  }
  return values as Values<F>
}

/** @throws Usage unless it is a port number; 0 means any free port. */
export const readPort = (text: string, flag = '--port'): number => {
  const port = Number(text)
  if (!/^\d+$/.test(text) || port > 65_535) throw new Usage(`${flag} must be a port number from 0 to 65535, not "${text}".`)
  return port
}

/** @throws Usage unless it is an address that a shim may have as its PLC directory. */
export const readPlcUrl = (text: string): string => {
  const url = parsePlcUrl(text)
  if (url === null) throw new Usage(`--plc must be the https address of a PLC directory (http on loopback hosts only), not "${text}".`)
  return url
}
