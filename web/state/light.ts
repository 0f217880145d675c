/** The status light: one word and one dot, with the reason and what to do about it. */
import type { Standing } from '../../wire/frames.ts'
import type { LinkState } from '../../wire/owner.ts'

export interface Light {
  readonly word: 'Connecting' | 'Online' | 'Asleep' | 'Unreachable' | 'Refused' | 'Deactivated' | 'Waiting for an account' | 'Moving in'
  readonly reason: string
  readonly remedy?: string
  /** The room wants a claim token: the home page offers the field for it. */
  readonly wantsClaim?: true
}

/** Of an account that is not simply active the light tells that; what is wrong with the connection goes before it. */
export const lightOfPod = (standing: Standing, link: LinkState | null, network: boolean): Light => {
  const light = lightOfLink(link, network)
  return light.word === 'Online' && standing !== 'active' ? STANDINGS[standing] : light
}

/** `null` and `undefined` mean: nothing heard yet. `network` is navigator.onLine. */
export const lightOfLink = (link: LinkState | null, network: boolean): Light => {
  switch (link?.state) {
    case undefined:
    case 'connecting':
      return network ? CONNECTING : NO_NETWORK
    case 'online':
      if (link.held !== undefined) return { word: 'Online', reason: `What you write waits here. ${link.held}`, remedy: HELD }
      return { word: 'Online', reason: 'Anyone on the network can reach your PDS.', remedy: 'It stays online while this tab is open.' }
    case 'offline':
      return network ? { word: 'Unreachable', reason: link.message || 'The relay does not answer.', remedy: KEEPS_WRITES } : NO_NETWORK
    case 'refused':
      if (link.error === 'Kicked') return { ...KICKED, reason: `${KICKED.reason} They say: ${link.message}` }
      return REFUSALS[link.error] ?? { word: 'Refused', reason: link.message, remedy: 'Reload this page to try again.' }
  }
}

/** What a visitor may know. */
export const lightOfRoom = (room: { readonly online: boolean }): Light =>
  room.online
    ? { word: 'Online', reason: 'The owner’s tab is open and answers itself.' }
    : { word: 'Asleep', reason: 'The owner’s tab is closed. What is public is answered from a verified copy.' }

const STANDINGS: Readonly<Record<Exclude<Standing, 'active'>, Light>> = {
  vacant: {
    word: 'Waiting for an account',
    reason: 'This address is yours. An account from another server can move in now.',
    remedy: 'Keep this tab open until it is here.',
  },
  arriving: {
    word: 'Moving in',
    reason: 'The account is here, and its identity still names the old server. The network sees nothing of this one yet.',
    remedy: 'Keep this tab open until the move is finished.',
  },
  deactivated: {
    word: 'Deactivated',
    reason: 'Your PDS is connected, and tells everyone that this account is switched off.',
    remedy: 'You can activate it again on the Account page.',
  },
}

const KEEPS_WRITES = 'You can keep writing. It retries by itself and sends everything once it is back.'
const HELD = 'You can keep writing: nothing is lost, and it goes out by itself as soon as your relay takes it. Its operator sets the quota.'
const CONNECTING: Light = { word: 'Connecting', reason: 'Reaching the relay that gives your PDS its address.' }
const NO_NETWORK: Light = {
  word: 'Unreachable',
  reason: 'This device is offline.',
  remedy: 'Everything you write is kept here and sent when the network is back.',
}

const KICKED: Light = {
  word: 'Refused',
  reason: 'The operator of your relay has disconnected your PDS for a while.',
  remedy: 'You can keep writing: everything is kept here. Reload this page later to come back.',
}

const NOT_YOURS: Light = {
  word: 'Refused',
  reason: 'This address belongs to another PDS.',
  remedy: 'Open the browser profile that created it, or delete this PDS and create one at another address.',
}

const ELSEWHERE: Light = {
  word: 'Refused',
  reason: 'This PDS was made for another address.',
  remedy: 'Open it at the address that its DID names: there it can be reached.',
}

const UNREACHABLE_DID: Light = {
  word: 'Refused',
  reason: 'Your DID is a did:web of a host that this relay does not ask: a private address, or one without https.',
  remedy: 'Serve its document at a public https address, then reload this page.',
}

/** By the codes of docs/protocol.md that are final (wire/refusal.ts), and those the worker finds out itself. */
const REFUSALS: Readonly<Record<string, Light>> = {
  ClaimRequired: {
    word: 'Refused',
    reason: 'This address is given only to whoever has its claim token.',
    remedy: 'Paste the token from the address that the relay printed when it started.',
    wantsClaim: true,
  },
  ClaimRefused: {
    word: 'Refused',
    reason: 'The relay does not know this claim token.',
    remedy: 'A relay that was started anew may have printed a new one. Paste the current token.',
    wantsClaim: true,
  },
  RoomClosed: {
    word: 'Refused',
    reason: 'This relay gives no addresses away.',
    remedy: 'Ask its operator to open it, or create your PDS at another address.',
  },
  Forgotten: {
    word: 'Refused',
    reason: 'The operator of your relay has deleted what it held of your PDS.',
    remedy:
      'Everything is still in this browser. Save a copy on the Backup page. If the relay lets you claim this address again, reload to come back.',
  },
  OverQuota: {
    word: 'Refused',
    reason: 'Your relay has no room for your repo.',
    remedy: 'Everything is still in this browser. Ask the operator for more room, then reload this page.',
  },
  NotYours: NOT_YOURS,
  RestoredElsewhere: {
    word: 'Refused',
    reason: 'Your account was restored in another browser, and lives there now.',
    remedy: 'Nothing is written here any more. Was it not you who restored it? Then restore it again at once, with your own recovery file.',
  },
  HostMismatch: ELSEWHERE,
  WrongHost: ELSEWHERE,
  DidMismatch: {
    word: 'Refused',
    reason: 'Your DID does not fit this address: it was claimed for another one, or the DID names another key or home.',
    remedy: 'Open the browser profile that claimed this address, or correct the document of the DID.',
  },
  DidNotFound: {
    word: 'Refused',
    reason: 'The directory does not know your DID.',
    remedy: 'It may not have heard of it yet: reload this page in a minute.',
  },
  InsecureUrl: UNREACHABLE_DID,
  PrivateAddress: UNREACHABLE_DID,
  PlcNotOffered: {
    word: 'Refused',
    reason: 'This relay was started without a directory for did:plc.',
    remedy: 'Ask its operator to set one, or open your PDS where it was created.',
  },
  BadHello: {
    word: 'Refused',
    reason: 'The relay does not understand how this page introduces itself.',
    remedy: 'Reload this page to get the version that belongs to the relay.',
  },
  BadSignature: {
    word: 'Refused',
    reason: 'The relay could not verify a signature of this browser.',
    remedy: 'Reload this page. If it stays so, open the browser profile that created this PDS.',
  },
  BadRev: {
    word: 'Refused',
    reason: 'What you wrote is dated in the future.',
    remedy: 'Set the clock of this device right and reload this page.',
  },
  Replaced: {
    word: 'Asleep',
    reason: 'Another window has taken over and keeps your PDS online.',
    remedy: 'Nothing to do. Reload here to bring it back to this window.',
  },
  RepoBehindMirror: {
    word: 'Refused',
    reason: 'The relay holds newer commits of yours than this browser does.',
    remedy: 'Writing is paused here so that none of them is lost. Open the browser profile that wrote last.',
  },
  RepoFork: {
    word: 'Refused',
    reason: 'This browser and the relay hold two different histories of your repo.',
    remedy: 'Was this profile restored from a backup? Open the newer one. From here nothing is published meanwhile.',
  },
  NoPod: {
    word: 'Refused',
    reason: 'There is no PDS in this browser profile any more.',
    remedy: 'Reload this page to create one, or open the profile that holds it.',
  },
}
