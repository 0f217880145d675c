/** The operator's page: another entry than the app, because its visitors are others. It is served at every listed host where the shim has an operator token. */
import { render } from 'preact'
import { OperatorPage } from './operator-page.tsx'

const root = document.querySelector('#app')
if (root) {
  root.replaceChildren()
  render(<OperatorPage />, root)
}
