/** Records, names and bytes that several groups of calls use. */
import type { Side } from '../side.ts'

export const POST = 'app.bsky.feed.post'
export const PROFILE = 'app.bsky.actor.profile'
/** A well-formed DID that no directory knows. */
export const NOBODY = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'
/** A well-formed CID of nothing. */
export const NO_CID = 'bafyreidfayvfuwqa7qlnopdjiqrxzs6blmoeu4rujcjtnci5beludirz2a'
export const NO_BLOB = 'bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e'
export const EMAIL = 'alice@compared.test'

export const did = ({ account }: Side): { did: string } => ({ did: account.did })
export const repo = ({ account }: Side): { repo: string } => ({ repo: account.did })
export const post = (text: string, more: object = {}): object => ({ $type: POST, text, createdAt: '2026-05-01T12:00:00.000Z', ...more })

/** One dark pixel. */
export const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGP4z8DwHwAFAAH/iZk9HQAAAABJRU5ErkJggg==', 'base64')
