/** A relying party for people to look at: four ways to sign in with a pod, side by side, with every step and token in plain sight. */
import { render } from 'preact'
import { goOn } from './state/sign-in.ts'
import { Page } from './views/page.tsx'

const root = document.querySelector('#demo')
if (root) {
  root.replaceChildren()
  render(<Page />, root)
  void goOn()
}
