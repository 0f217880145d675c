/** Somebody else's pod: whose it is, whether it is awake, what is public. Nothing is registered in the visitor's browser. */
import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { RoomStatus } from '../../wire/frames.ts'
import { CopyButton } from '../components/copy.tsx'
import { StatusLight } from '../components/light.tsx'
import { collectionName } from '../state/collection.ts'
import { lightOfRoom } from '../state/light.ts'
import { readPublicProfile } from '../state/public-profile.ts'
import type { PublicProfile } from '../state/public-profile.ts'

export const Visitor = ({ room }: { readonly room: RoomStatus }) => {
  const profile = useSignal<PublicProfile | null>(null)
  useEffect(() => {
    void readPublicProfile(room).then((found) => (profile.value = found))
  }, [room.did])
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
          <h1 id="who">{name}</h1>
          {displayName && room.handle && <p class="handle">@{room.handle}</p>}
        </div>
      </section>
      {description && <p class="about">{description}</p>}
      <StatusLight light={lightOfRoom(room)} live />
      <dl class="facts">
        {room.handle && (
          <div class="copy-row">
            <dt>Handle</dt>
            <dd>
              <span class="mono value">{room.handle}</span>
              <CopyButton text={room.handle} what="handle" />
            </dd>
          </div>
        )}
        {room.did && (
          <div class="copy-row">
            <dt>DID</dt>
            <dd>
              <span class="mono value">{room.did}</span>
              <CopyButton text={room.did} what="DID" />
            </dd>
          </div>
        )}
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
            <a href="/.well-known/did.json">the DID document</a>, or{' '}
            <a href={`/xrpc/com.atproto.sync.getRepo?did=${encodeURIComponent(room.did)}`}>the whole repo as a CAR file</a>.
          </p>
        )}
        <p class="quiet">Is it yours? Open this address in the browser profile that created it.</p>
      </section>
    </main>
  )
}
