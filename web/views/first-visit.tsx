/** The room is free and no pod lives in this profile: what this is, and the way in. */
import type { RoomStatus } from '../../wire/frames.ts'
import { creationStep } from '../state/creation.ts'
import { CreateForm } from './create-form.tsx'

export const FirstVisit = ({ room }: { readonly room: RoomStatus }) => (
  <main class="page page-split" data-testid="first-visit">
    <div class="lead">
      <h1 tabIndex={-1}>Your PDS, living in&nbsp;a&nbsp;browser tab.</h1>
      <p>
        tabpod keeps your AT Protocol account here, in this browser: your posts, your identity and the keys that sign them. A small relay
        gives it a public address, so any app in the network can find it.
      </p>
      <p>Close the tab and the relay goes on answering from a copy that anyone can verify. It holds no key of yours.</p>
    </div>
    <section class="card" aria-labelledby="create-title">
      {room.policy === 'closed' ? (
        <>
          <h2 id="create-title">This address is not given away</h2>
          <p class="quiet">The relay at {room.host} accepts no new PDS. Ask its operator to open it, or run one of your own.</p>
        </>
      ) : (
        <>
          <h2 id="create-title">Make it yours</h2>
          <CreateForm room={room} />
          {creationStep.value === null && (
            <p class="quiet restore-link">
              An account elsewhere? <a href="#/move-in">Move it here</a>
              <br />
              Had one here before? <a href="#/restore">Restore it</a>
            </p>
          )}
        </>
      )}
    </section>
  </main>
)
