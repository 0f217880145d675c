/** The pod that lives in this browser profile, or the knowledge that none does. One per worker; everything here can be lost with it. */
import { invalidRequest, XrpcError } from '../wire/errors.ts'
import { createPod, openPod, type Pod, type PodOptions } from './app.ts'
import { deleteStore, openStore, type Store } from './store/open.ts'

export class Resident {
  readonly #arrived: (pod: Pod) => void
  readonly #options: PodOptions
  readonly #release: () => Promise<boolean>
  #store: Promise<Store> | undefined
  #opening: Promise<Pod | null> | undefined
  /** true once it is certain that no pod lives here: such a worker touches no request. */
  #isAbsent = false

  /** `arrived` is called once for each pod that was opened or created; `release` frees the address of a pod that goes. */
  constructor(arrived: (pod: Pod) => void, release: () => Promise<boolean>, options: PodOptions) {
    this.#arrived = arrived
    this.#release = release
    this.#options = options
  }

  get isAbsent(): boolean {
    return this.#isAbsent
  }

  /** Opened once; a failed opening is tried again by the next caller. Resolves null where no pod lives. */
  pod(): Promise<Pod | null> {
    this.#opening ??= this.#open().catch((cause: unknown) => {
      this.#opening = undefined
      throw cause
    })
    return this.#opening
  }

  /** @throws XrpcError PodExists, and what `createPod` refuses */
  async create(owner: Parameters<typeof createPod>[1]): Promise<Pod> {
    if (await this.pod()) throw new XrpcError(409, 'PodExists', 'A pod lives in this browser profile already')
    const creating = this.#openStore().then((store) => createPod(store, owner, this.#options))
    const before = this.#opening
    this.#opening = creating
    try {
      const pod = await creating
      this.#isAbsent = false
      this.#arrived(pod)
      return pod
    } catch (cause) {
      this.#opening = before
      throw cause
    }
  }

  /** Deletes the pod, keys included, and tells the world and the room if they can be reached. @throws XrpcError when `confirmHandle` is not its handle */
  async forget(confirmHandle: string): Promise<void> {
    const pod = await this.pod()
    if (!pod) return
    if (pod.identity.handle !== confirmHandle) throw invalidRequest('The handle typed is not the handle of this pod', 'HandleMismatch')
    await pod.repo.announce({ kind: 'account', active: false, status: 'deleted' })
    await this.#release()
    await pod.close()
    ;(await this.#openStore()).close()
    await deleteStore()
    this.#store = undefined
    this.#opening = Promise.resolve(null)
    this.#isAbsent = true
  }

  async #open(): Promise<Pod | null> {
    const pod = await openPod(await this.#openStore(), this.#options)
    this.#isAbsent = pod === null
    if (pod) this.#arrived(pod)
    return pod
  }

  #openStore(): Promise<Store> {
    this.#store ??= openStore().catch((cause: unknown) => {
      this.#store = undefined
      throw cause
    })
    return this.#store
  }
}
