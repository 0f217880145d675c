/** The worker's side of the uplink for as long as the worker lives: one connection at a time, each with a pipe of its own. */
import type { RelayView } from '../../wire/frames.ts'
import { ACKNOWLEDGE_DELAY_MS } from '../../wire/limits.ts'
import type { PipeFromPage } from '../../wire/owner.ts'
import type { Log } from '../operations/log.ts'
import type { ActivityReport } from './activity.ts'
import type { UplinkPod } from './contract.ts'
import type { Egress } from './egress.ts'
import type { Mail } from './mail.ts'
import { RelayWatch } from './relay-watch.ts'
import { Session } from './session.ts'

export class Uplink {
  readonly #pod: UplinkPod
  readonly #activity: ActivityReport
  readonly #egress: Egress
  readonly #mail: Mail
  readonly #log: Log
  readonly #relays: RelayWatch
  #session: Session | undefined
  #port: MessagePort | undefined
  /** A rejection is answered by joining anew, once; the next accepted event clears it. */
  #hasRejoined = false
  #accepted = 0
  #isAcknowledging = false

  constructor(pod: UplinkPod, activity: ActivityReport, egress: Egress, mail: Mail, log: Log) {
    this.#pod = pod
    this.#activity = activity
    this.#egress = egress
    this.#mail = mail
    this.#log = log
    this.#relays = new RelayWatch(log, (relays) => activity.relays(relays))
  }

  /** A newer pipe replaces an older one. `lock`: name of a Web Lock this worker already holds. */
  connect(port: MessagePort, lock: string, claim?: string): void {
    this.close()
    const session = new Session(this.#pod, {
      pipe: port,
      claim,
      egress: this.#egress,
      mail: this.#mail,
      log: this.#log,
      fetch: (input, init) => fetch(input, init),
      accepted: (event) => {
        this.#hasRejoined = false
        this.#noteTaken(event)
      },
      known: (event) => this.#noteTaken(event),
      rejoins: () => !this.#hasRejoined && (this.#hasRejoined = true),
      answered: (request) => this.#activity.request({ by: 'tab', origin: 'shim', ...request }),
      seen: ({ method, path, status }) => this.#activity.request({ by: 'mirror', origin: 'shim', method, path, status }),
      relays: (relays) => this.#relays.hear(relays),
    })
    this.#session = session
    this.#port = port
    port.onmessage = ({ data }: MessageEvent<PipeFromPage>) => {
      if (data instanceof ArrayBuffer) session.receive(data)
      else if (data.socket === 'closed') {
        this.#log.note('uplink', 'the connection ended')
        session.close()
      }
    }
    port.postMessage({ lock })
  }

  /** What the pod said of itself at the last join has changed: once everything asked is answered, the page connects anew. */
  async rejoin(): Promise<void> {
    await this.#session?.rejoin()
  }

  /** The public documents have changed: the mirror serves the new ones. */
  async tellDocuments(): Promise<void> {
    await this.#session?.tellDocuments()
  }

  /** What browsers are answered by while the tab is closed may be another now. */
  async tellFedCm(): Promise<void> {
    await this.#session?.tellFedCm()
  }

  /**
   * Has the room look at its relays, and ask them to crawl (`crawl`): the answer comes as `Activity` of kind `relays`.
   * @returns what is known by now; null: nothing
   */
  askRelays(crawl: boolean): readonly RelayView[] | null {
    this.#session?.askRelays(crawl)
    return this.#relays.relays
  }

  /** Frees the address, where the room can be reached. @returns whether it did. */
  async release(): Promise<boolean> {
    return (await this.#session?.release()) ?? false
  }

  close(): void {
    this.#session?.close()
    this.#port?.close()
    this.#session = undefined
    this.#port = undefined
  }

  #noteTaken(event: number): void {
    if (event <= this.#accepted) return
    this.#accepted = event
    if (this.#isAcknowledging) return
    this.#isAcknowledging = true
    setTimeout(() => {
      this.#isAcknowledging = false
      this.#pod.repo.acknowledge(this.#accepted).catch((cause: unknown) => this.#log.failure('could not note what is acknowledged', cause))
    }, ACKNOWLEDGE_DELAY_MS)
  }
}
