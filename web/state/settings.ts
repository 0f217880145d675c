/** The pod's settings as the owner types them: in units for people. */
import { type Settings, settingsProblems, type SettingsProblems } from '../../wire/settings.ts'
import { askOwner } from '../uplink/register.ts'

/** As they stand in the form; lists are separated by spaces or commas. */
export type TypedSettings = Readonly<Record<Exclude<keyof Settings, 'debugRoutes'>, string>> & Pick<Settings, 'debugRoutes'>

const UNITS = {
  accessTtlMs: 60_000,
  refreshTtlMs: 86_400_000,
  maxBlobBytes: 1_000_000,
  blobQuotaBytes: 1_000_000_000,
  logRetentionMs: 86_400_000,
} as const

export const readSettings = (): Promise<Settings> => askOwner({ kind: 'settings' })

/** @throws XrpcError 400 InvalidSettings */
export const saveSettings = (settings: Settings): Promise<Settings> => askOwner({ kind: 'configure', settings })

export const typedFrom = (settings: Settings): TypedSettings => ({
  accessTtlMs: shown(settings, 'accessTtlMs'),
  refreshTtlMs: shown(settings, 'refreshTtlMs'),
  blobTypes: settings.blobTypes.join(', '),
  maxBlobBytes: shown(settings, 'maxBlobBytes'),
  blobQuotaBytes: shown(settings, 'blobQuotaBytes'),
  logRetentionMs: shown(settings, 'logRetentionMs'),
  corsOrigins: settings.corsOrigins.join(', '),
  debugRoutes: settings.debugRoutes,
})

/** What was typed over `before`. Shown numbers are rounded: one that nobody touched stays as exact as it was. */
export const settingsFrom = (
  typed: TypedSettings,
  before: Settings,
): { readonly settings: Settings; readonly problems: SettingsProblems } => {
  const number = (name: keyof typeof UNITS): number =>
    typed[name] === shown(before, name)
      ? before[name]
      : typed[name].trim() === ''
        ? Number.NaN
        : Math.round(Number(typed[name].replace(',', '.')) * UNITS[name])
  const settings: Settings = {
    accessTtlMs: number('accessTtlMs'),
    refreshTtlMs: number('refreshTtlMs'),
    blobTypes: listOf(typed.blobTypes.toLowerCase()),
    maxBlobBytes: number('maxBlobBytes'),
    blobQuotaBytes: number('blobQuotaBytes'),
    logRetentionMs: number('logRetentionMs'),
    corsOrigins: listOf(typed.corsOrigins).map((origin) => origin.replace(/\/$/, '')),
    debugRoutes: typed.debugRoutes,
  }
  return { settings, problems: settingsProblems(settings) }
}

const shown = (settings: Settings, name: keyof typeof UNITS): string => String(Math.round((settings[name] / UNITS[name]) * 10) / 10)

const listOf = (text: string): string[] => text.split(/[\s,]+/).filter((word) => word !== '')
