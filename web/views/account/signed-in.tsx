/** Apps that were let in by OAuth, and other browsers: on pages of their own, which can be opened in any browser. */
export const SignedIn = () => (
  <section class="card" aria-labelledby="signed-in-title">
    <h2 id="signed-in-title">Apps and browsers</h2>
    <p>
      What you have let in without an app password, and where you are signed in. <a href="/account">See and end them</a>, or{' '}
      <a href="/account/security">add a passkey</a>.
    </p>
  </section>
)
