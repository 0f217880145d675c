/** Where the focus goes when the page changes under it. */
import { useEffect, useRef } from 'preact/hooks'
import type { RefObject } from 'preact'

/** For what has just appeared and is to be read next: it takes the focus once. */
export const useFocus = (): RefObject<HTMLDivElement | null> => {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => element.current?.focus(), [])
  return element
}

/** A form was not accepted: to the first field that says why. */
export const focusProblem = ({ currentTarget }: { readonly currentTarget: EventTarget | null }): void => {
  if (currentTarget instanceof HTMLFormElement) {
    // After the next paint, when the fields know.
    requestAnimationFrame(() => currentTarget.querySelector<HTMLElement>('[aria-invalid]')?.focus())
  }
}
