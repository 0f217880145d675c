import { progress, progressText } from '../state/progress.ts'

/** How far a long work has come. `idle`: what to say until the first count is there. */
export const ProgressLine = ({ idle }: { readonly idle: string }) => {
  const now = progress.value
  return (
    <div class="progress-line">
      <progress aria-label={idle} {...(now?.total !== undefined && { value: now.done, max: Math.max(now.total, 1) })} />
      <p class="quiet">{now === null ? idle : progressText(now)}</p>
    </div>
  )
}
