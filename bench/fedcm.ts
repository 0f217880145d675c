/** How soon a site has what it asked for when the owner clicks in the browser's dialog (FedCM): to the code in the site's page, and to the answer of the token endpoint. The tab is open and its worker awake. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { hostPod } from '../scripts/pod.ts'
import { FEDCM_COOKIE } from '../wire/device-cookie.ts'
import { FedCmSite } from '../tests/fixtures/fedcm-site.ts'
import { median } from './statistics.ts'

const SIGN_INS = 15
const TARGET_MS = 300
const POLL_MS = 50

export const reportFedCm = async (say: (line: string) => void): Promise<void> => {
  const home = await mkdtemp(join(tmpdir(), 'tabpod-fedcm-bench-'))
  const pod = await hostPod({
    shim: { persist: join(home, 'room') },
    browser: { profileDir: join(home, 'profile'), headless: true },
    handle: 'bench.test',
    password: 'a password for the benchmark',
  })
  const site = await FedCmSite.start(pod.shim.url)
  try {
    while (!(await pod.context.cookies(pod.shim.url)).some(({ name }) => name === FEDCM_COOKIE)) await sleep(POLL_MS)
    const visit = await site.visit(pod.context)
    let clicked = 0
    visit.onDialog = (dialog) => {
      clicked = performance.timeOrigin + performance.now()
      return visit.goOn(dialog)
    }
    const toCode: number[] = []
    const toToken: number[] = []
    for (let n = 0; n < SIGN_INS; n++) {
      const answer = await visit.ask()
      await visit.exchange(answer)
      toCode.push(answer.at - clicked)
      toToken.push(performance.timeOrigin + performance.now() - clicked)
    }
    const ms = median(toToken)
    say(
      `\n${'FedCM, from click to token'.padEnd(36)}${ms.toFixed(0)} ms   target ≤ ${TARGET_MS} ms ${ms <= TARGET_MS ? 'met' : 'MISSED'}   ` +
        `(the code is in the site's page after ${median(toCode).toFixed(0)} ms; median of ${SIGN_INS})`,
    )
  } finally {
    await site.stop()
    await pod.stop()
    await rm(home, { recursive: true, force: true })
  }
}
