/** The pod that lives in this browser profile, or the knowledge that none does. One per worker; everything here can be lost with it. */
import { invalidRequest, XrpcError } from '../wire/errors.ts'
import { openPod, type Pod, type PodHooks, type PodOptions } from './app.ts'
import { deleteStore, openStore, type Store } from './store/open.ts'

export interface ResidentOptions extends Omit<PodOptions, 'hooks'> {
  readonly hooks: Pick<PodHooks, 'mail'> & {
    /** Once for each pod that was opened or created, and again when another account has taken the place of a vacant one. */
    readonly arrived: (pod: Pod) => void
    /** Something that pages show has changed. */
    readonly changed: () => void
    /** Frees the address of a pod that goes, after everything asked of it is answered. @returns whether that worked */
    readonly release: () => Promise<boolean>
    /** The pod is deleted, keys included. */
    readonly departed: () => Promise<void>
  }
}

export class Resident {
  readonly #options: ResidentOptions
  #store: Promise<Store> | undefined
  #opening: Promise<Pod | null> | undefined
  /** true once it is certain that no pod lives here: such a worker touches no request. */
  #isAbsent = false
  #departing: Promise<void> | undefined

  constructor(options: ResidentOptions) {
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

  /** Brings a pod into a profile that has none. @param make writes it into the store. @throws XrpcError 409 PodExists, and what `make` throws */
  async settle(make: (store: Store, options: PodOptions) => Promise<Pod>): Promise<Pod> {
    if (await this.pod()) throw new XrpcError(409, 'PodExists', 'A pod lives in this browser profile already')
    const making = this.#openStore().then((store) => make(store, this.#podOptions()))
    const before = this.#opening
    this.#opening = making
    try {
      const pod = await making
      this.#isAbsent = false
      this.#options.hooks.arrived(pod)
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
    await this.#depart(pod)
  }

  #depart(pod: Pod): Promise<void> {
    this.#departing ??= this.#leave(pod).finally(() => {
      this.#departing = undefined
    })
    return this.#departing
  }

  async #leave(pod: Pod): Promise<void> {
    const { hooks } = this.#options
    const { standing } = pod.identity
    // Of an account that was never here nobody has heard.
    if (standing === 'active' || standing === 'deactivated') await pod.repo.announce({ kind: 'account', active: false, status: 'deleted' })
    await hooks.release()
    await pod.close()
    this.#options.log?.attach(undefined)
    ;(await this.#openStore()).close()
    await deleteStore()
    this.#store = undefined
    this.#opening = Promise.resolve(null)
    this.#isAbsent = true
    await hooks.departed()
    hooks.changed()
  }

  async #open(): Promise<Pod | null> {
    const pod = await openPod(await this.#openStore(), this.#podOptions())
    this.#isAbsent = pod === null
    if (pod) this.#options.hooks.arrived(pod)
    return pod
  }

  #podOptions(): PodOptions {
    const { hooks, ...options } = this.#options
    return {
      ...options,
      hooks: {
        ...(hooks.mail && { mail: hooks.mail }),
        changed: hooks.changed,
        filled: () => {
          this.#opening = undefined
          this.pod().then(hooks.changed, (cause: unknown) => this.#failed('the new account could not be opened', cause))
        },
        leave: () => {
          this.pod()
            .then((pod) => pod && this.#depart(pod))
            .catch((cause: unknown) => this.#failed('the pod could not be deleted', cause))
        },
      },
    }
  }

  #failed(what: string, cause: unknown): void {
    this.#options.log?.failure(what, cause)
  }

  #openStore(): Promise<Store> {
    this.#store ??= openStore().then(
      (store) => {
        this.#options.log?.attach(store)
        return store
      },
      (cause: unknown) => {
        this.#store = undefined
        throw cause
      },
    )
    return this.#store
  }
}
