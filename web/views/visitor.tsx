/** Somebody else's pod: whose it is, whether it is awake, what is public. Nothing is registered in the visitor's browser. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { RoomStatus } from '../../wire/frames.ts'
import { CopyRow } from '../components/copy.tsx'
import { Opening } from '../components/opening.tsx'
import { StatusLight } from '../components/light.tsx'
import { collectionName } from '../state/collection.ts'
import { lightOfRoom } from '../state/light.ts'
import { readPublicProfile } from '../state/public-profile.ts'
import type { PublicProfile } from '../state/public-profile.ts'

/** The page is painted whole, so that nothing moves; a slow room does not hold it back longer than this. */
const PROFILE_PATIENCE_MS = 1500

export const Visitor = ({ room }: { readonly room: RoomStatus }) => {
  const profile = useSignal<PublicProfile | null | undefined>(undefined)
  useEffect(() => {
    const giveUp = setTimeout(() => (profile.value = null), PROFILE_PATIENCE_MS)
    void readPublicProfile(room).then((found) => (profile.value = found))
    return () => clearTimeout(giveUp)
  }, [room.did])
  if (profile.value === undefined) return <Opening />
  const { displayName, description, avatar, collections = [] } = profile.value ?? {}
  const name = displayName ?? room.handle ?? room.host
  return (
    <main class="page" data-testid="visitor">
      <section class="who" aria-labelledby="who">
        {avatar ? (
          <img class="avatar" src={avatar} alt="" width="88" height="88" />
        ) : (
          <span class="avatar" aria-hidden="true">
            {name.charAt(0).toUpperCase()}
          </span>
        )}
        <div>
          <h1 id="who" tabIndex={-1}>
            {name}
          </h1>
          {displayName && room.handle && <p class="handle">@{room.handle}</p>}
        </div>
      </section>
      {description && <p class="about">{description}</p>}
      <StatusLight light={lightOfRoom(room)} live />
      <dl class="facts">
        {room.handle && <CopyRow term="Handle" value={room.handle} what="handle" />}
        {room.did && <CopyRow term="DID" value={room.did} what="DID" />}
      </dl>
      {collections.length > 0 && (
        <ul class="tallies" aria-label="Public records">
          {collections.map(({ nsid, count, more }) => (
            <li key={nsid}>
              <strong>
                {count}
                {more && '+'}
              </strong>{' '}
              <span class={collectionName(nsid) ? undefined : 'mono'}>{collectionName(nsid) ?? nsid}</span>
            </li>
          ))}
        </ul>
      )}
      <section class="explain" aria-labelledby="what">
        <h2 id="what">What is this?</h2>
        <p>
          The public address of a PDS, a Personal Data Server of the AT Protocol, that lives in a browser tab. The repo and the keys that
          sign it are on its owner’s own device. The relay you are looking at holds no key: everything it shows can be verified.
        </p>
        {room.did && (
          <p>
            See for yourself: <a href={`/xrpc/com.atproto.repo.describeRepo?repo=${encodeURIComponent(room.did)}`}>the repo described</a>,{' '}
            <a href={documentUrl(room.did, room.plc)}>the DID document</a>, or{' '}
            <a href={`/xrpc/com.atproto.sync.getRepo?did=${encodeURIComponent(room.did)}`}>the whole repo as a CAR file</a>.
          </p>
        )}
        <p class="quiet">
          Is it yours? Open this address in the browser profile that created it, or <a href="#/restore">restore it here</a> from your
          recovery file.
        </p>
      </section>
    </main>
  )
}

/** A did:plc's document is its directory's to show: asking the host itself would prove nothing. */
const documentUrl = (did: string, plc: string | null): string =>
  plc && did.startsWith('did:plc:') ? `${plc}/${did}` : '/.well-known/did.json'
