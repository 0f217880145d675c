import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { ComponentChildren } from 'preact'

export interface FileDropProps {
  readonly id: string
  readonly label: string
  /** As in `<input accept>`. */
  readonly accept?: string
  readonly multiple?: boolean
  readonly onFiles: (files: readonly File[]) => void
  /** What stands in the box: what to drop, or the name of what was chosen. */
  readonly children: ComponentChildren
  readonly problem?: string | null
}

/** A file input that files can also be dropped on. The input itself lies over the box, so that keyboard, screen reader and drop are the browser's own. */
export const FileDrop = ({ id, label, accept, multiple = false, onFiles, children, problem }: FileDropProps) => {
  const over = useSignal(false)
  useEffect(catchStrays, [])
  return (
    <div class="drop-field">
      <label for={id}>{label}</label>
      <div class="drop" data-over={over.value} onDragEnter={() => (over.value = true)} onDragLeave={() => (over.value = false)}>
        <span class="drop-text">{children}</span>
        <input
          id={id}
          type="file"
          multiple={multiple}
          {...(accept !== undefined && { accept })}
          {...(problem && { 'aria-invalid': true })}
          aria-describedby={`${id}-note`}
          onDrop={() => (over.value = false)}
          onChange={(event) => {
            const files = [...(event.currentTarget.files ?? [])]
            // The same file again is a choice, too.
            event.currentTarget.value = ''
            if (files.length > 0) onFiles(files)
          }}
        />
      </div>
      <p id={`${id}-note`} class="note note-problem" {...(problem && { role: 'alert' })}>
        {problem}
      </p>
    </div>
  )
}

/** A file that misses its box would be opened in place of this page, and the pod would go offline with it. */
const catchStrays = (): (() => void) => {
  const ignore = (event: DragEvent): void => {
    if (!(event.target instanceof HTMLInputElement)) event.preventDefault()
  }
  for (const kind of ['dragover', 'drop'] as const) addEventListener(kind, ignore)
  return () => {
    for (const kind of ['dragover', 'drop'] as const) removeEventListener(kind, ignore)
  }
}
