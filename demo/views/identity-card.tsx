import { forgetSite, isBusy, known, ROADS } from '../state/sign-in.ts'

/** Who it was, once everything was checked. */
export const IdentityCard = () => {
  if (!known.value) return null
  const { road, identity } = known.value
  const { me, profile } = identity
  return (
    <section class="card identity" aria-labelledby="who-title" data-testid="identity">
      <p class="quiet identity-by">Signed in by {ROADS[road].title}</p>
      <div class="identity-row">
        {profile.photo !== undefined && <img src={profile.photo} alt="" width="72" height="72" />}
        <div>
          <h2 id="who-title">{profile.name ?? 'Somebody without a name'}</h2>
          {me.startsWith('did:') ? (
            <span class="mono value">{me}</span>
          ) : (
            <a href={me} class="mono value">
              {me}
            </a>
          )}
          {profile.email !== undefined && <p class="quiet value">{profile.email}</p>}
        </div>
      </div>
      {(road === 'fedcm' || road === 'fedcm-any') && (
        <button type="button" class="button-small" disabled={isBusy} onClick={() => void forgetSite()}>
          Forget this site
        </button>
      )}
    </section>
  )
}
