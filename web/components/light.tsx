import type { Light } from '../state/light.ts'

/** One word and one dot. `live` makes it a status that screen readers hear change. */
export const StatusLight = ({ light, live = false }: { readonly light: Light; readonly live?: boolean }) => (
  <div class="light" data-state={light.word.toLowerCase().replaceAll(' ', '-')} data-testid="status" {...(live && { role: 'status' })}>
    <p class="light-word">
      <span class="dot" aria-hidden="true" />
      {light.word}
    </p>
    <p class="light-reason">
      {light.reason} {light.remedy && <span class="light-remedy">{light.remedy}</span>}
    </p>
  </div>
)
