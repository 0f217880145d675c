import type { Signal } from '@preact/signals'

export interface IdentityChoiceProps {
  readonly host: string
  /** Address of the PLC directory that the room offers. */
  readonly directory: string
  /** The directory, or null for did:web. */
  readonly chosen: Signal<string | null>
}

/** What the account is known by for good: asked at creation alone, because a DID never changes. */
export const IdentityChoice = ({ host, directory, chosen }: IdentityChoiceProps) => {
  const options = [
    { id: 'did-web', value: null, label: 'This address', method: 'did:web', note: `Needs nobody else. It lives and ends with ${host}.` },
    {
      id: 'did-plc',
      value: directory,
      label: 'Portable',
      method: 'did:plc',
      note: `Registered at ${new URL(directory).host}, it can move to another address. Until you make a recovery file its only key is in this browser.`,
    },
  ] as const
  return (
    <fieldset class="choice">
      <legend>Identity</legend>
      {options.map(({ id, value, label, method, note }) => (
        <div class="choice-option" key={id}>
          <input
            id={id}
            type="radio"
            name="identity"
            checked={chosen.value === value}
            aria-describedby={`${id}-note`}
            onChange={() => (chosen.value = value)}
          />
          <label for={id}>
            {label} <span class="mono quiet">({method})</span>
          </label>
          <p id={`${id}-note`} class="note">
            {note}
          </p>
        </div>
      ))}
    </fieldset>
  )
}
