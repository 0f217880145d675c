import { useSignal } from '@preact/signals'

export interface ConfirmButtonProps {
  readonly label: string
  /** What the second press says, for example "Really revoke". */
  readonly confirm: string
  /** For those who do not see beside what the button stands. */
  readonly about?: string
  readonly onConfirm: () => void
  readonly small?: boolean
}

/** Asks once more, in place: the first press arms it, leaving it disarms it. */
export const ConfirmButton = ({ label, confirm, about, onConfirm, small = false }: ConfirmButtonProps) => {
  const armed = useSignal(false)
  const text = armed.value ? confirm : label
  return (
    <button
      type="button"
      class={`${small ? 'button-small' : 'button'}${armed.value ? ' button-danger' : ''}`}
      {...(about !== undefined && { 'aria-label': `${text} ${about}` })}
      onBlur={() => (armed.value = false)}
      onKeyDown={({ key }) => key === 'Escape' && (armed.value = false)}
      onClick={() => {
        if (armed.value) onConfirm()
        armed.value = !armed.value
      }}
    >
      {text}
    </button>
  )
}
