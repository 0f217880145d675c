/** The app's entry: takes the claim token out of the address bar, paints, and finds out which page this browser gets. */
import { render } from 'preact'
import { takeClaim } from './state/claim.ts'
import { openPage } from './state/page.ts'
import { leaveWorkerIfAsked } from './state/pod.ts'
import { App } from './views/app.tsx'

takeClaim({ location, history, storage: sessionStorage })
const root = document.querySelector('#app')
if (root) {
  root.replaceChildren()
  render(<App />, root)
  void leaveWorkerIfAsked().then(openPage)
}
