/** The two runtimes that a room can live in, each as it is started on this machine: offline, without telemetry, and with all that it writes in a directory of ours. */
import { join, resolve } from 'node:path'
import { Usage } from './ending.ts'
import { root } from './root.ts'

export type Runtime = keyof typeof RUNTIMES

interface Place {
  readonly port: number
  /** Directory for whatever it keeps. */
  readonly persist: string
  /** Where a debugger may ask what the rooms hold; none when absent. */
  readonly inspectorPort?: number
}

interface Start {
  /** Its configuration, which names what stands in dist/. */
  readonly config: string
  /** Where it looks for variables, beside its configuration. */
  readonly variablesFile: string
  /** Variables that its configuration has for the public internet, as they are on this machine. */
  readonly variables: Readonly<Record<string, string>>
  /** Arguments for Node. */
  readonly command: (place: Place) => readonly string[]
  readonly environment: (place: Place) => Readonly<Record<string, string>>
}

export const RUNTIMES = {
  partykit: {
    config: 'partykit.json',
    variablesFile: '.env',
    variables: {},
    command: ({ port, persist }) => [
      '--import',
      join(root, 'scripts/quiet-partykit.mjs'),
      // The CLI's own file rather than `npx partykit`: signals to npx leave workerd running.
      join(root, 'node_modules/partykit/dist/bin.mjs'),
      'dev',
      `--port=${port}`,
      `--persist=${resolve(persist, 'state')}`,
      // Otherwise it fetches a picture of Cloudflare's network on every start.
      '--disable-request-cf-fetch',
      '--no-hotkeys',
    ],
    environment: ({ inspectorPort }) => ({
      NO_UPDATE_NOTIFIER: '1',
      ...(inspectorPort !== undefined && { TABPOD_INSPECTOR_PORT: String(inspectorPort) }),
    }),
  },
  wrangler: {
    config: 'wrangler.jsonc',
    variablesFile: '.dev.vars',
    variables: { TABPOD_TRUSTED_PROXY: 'none', TABPOD_HOSTS: '' },
    command: ({ port, persist, inspectorPort }) => [
      join(root, 'scripts/wrangler-room.ts'),
      `--port=${port}`,
      `--persist=${resolve(persist, 'wrangler-state/v3')}`,
      ...(inspectorPort === undefined ? [] : [`--inspector-port=${inspectorPort}`]),
    ],
    // https://developers.cloudflare.com/workers/wrangler/system-environment-variables/
    environment: ({ persist }) => ({
      ...QUIET_WRANGLER,
      // Its log files.
      XDG_CONFIG_HOME: resolve(persist, 'wrangler-config'),
    }),
  },
} as const satisfies Record<string, Start>

export const QUIET_WRANGLER = { WRANGLER_SEND_METRICS: 'false', WRANGLER_SEND_ERROR_REPORTS: 'false' } as const

/** @throws Usage unless it is the name of a runtime. */
export const readRuntime = (text: string, flag = '--runtime'): Runtime => {
  if (text in RUNTIMES) return text as Runtime
  throw new Usage(`${flag} must be one of ${Object.keys(RUNTIMES).join(', ')}, not "${text}".`)
}

/** Where nobody asked for one: `TABPOD_RUNTIME`, so that every test can be run on either. */
export const usualRuntime = (): Runtime => readRuntime(process.env['TABPOD_RUNTIME'] || 'partykit', 'TABPOD_RUNTIME')
