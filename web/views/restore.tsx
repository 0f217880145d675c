/** What restoring will need, and that it is not there yet. */
export const Restore = () => (
  <main class="page" data-testid="restore">
    <div class="lead">
      <h1>Restore a PDS</h1>
      <p>Restoring is not available in this version yet. Here is what it will need, so that nothing gets lost until then.</p>
    </div>
    <section class="card card-narrow" aria-labelledby="needs">
      <h2 id="needs">What you will need</h2>
      <ul class="needs">
        <li>
          <strong>Your recovery file</strong> and its passphrase. It holds the recovery key, which lets a new browser take over your
          address.
        </li>
        <li>
          <strong>This same address</strong>, {location.host}. The relay keeps a verified copy of your public repo here.
        </li>
      </ul>
      <p class="quiet">
        Until then your PDS lives only in the browser profile that created it. Keep that profile, and do not clear its site data. If it is
        still there, just open this address in it: nothing needs restoring.
      </p>
      <p class="actions">
        <a class="button" href="#">
          Back
        </a>
      </p>
    </section>
  </main>
)
