/** Deleting the pod: folded away, and only with the handle typed out. */
import { useSignal } from '@preact/signals'
import { Field } from '../components/field.tsx'
import { normalizeHandle } from '../state/handle.ts'
import { deletePod } from '../state/pod.ts'

export const DangerZone = ({ handle }: { readonly handle: string }) => {
  const typed = useSignal('')
  const problem = useSignal<string | null>(null)
  const deleting = useSignal(false)
  const matches = normalizeHandle(typed.value) === handle
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (!matches) {
      problem.value = `Type ${handle} to confirm.`
      return
    }
    deleting.value = true
    try {
      await deletePod(handle)
    } catch (cause) {
      problem.value = cause instanceof Error ? cause.message : String(cause)
      deleting.value = false
    }
  }
  return (
    <details class="danger">
      <summary>Delete this PDS</summary>
      <form class="danger-form" noValidate onSubmit={submit}>
        <p>
          This deletes your repo, your blobs and your keys from this browser. There is no way back: without the keys nobody, you included,
          can write as <strong>{handle}</strong> again. The relay forgets it too and the address is free for a new one, if you are online
          now. What was public may live on in copies elsewhere.
        </p>
        <Field
          id="confirm-handle"
          label={`Type ${handle} to confirm`}
          value={typed.value}
          mono
          problem={problem.value}
          onInput={(value) => {
            typed.value = value
            problem.value = null
          }}
        />
        <button class="button button-danger" disabled={deleting.value}>
          {deleting.value ? 'Deleting…' : 'Delete for good'}
        </button>
      </form>
    </details>
  )
}
