/** The whole page: the token first, then the rooms. */
import { useSignal } from '@preact/signals'
import { useEffect, useMemo } from 'preact/hooks'
import { Field } from '../components/field.tsx'
import { FormFoot } from '../components/form-foot.tsx'
import { Logo } from '../components/logo.tsx'
import { createAttempt } from '../state/attempt.ts'
import { formatCount } from '../state/size.ts'
import { RoomCard } from './room-card.tsx'
import { isReading, more, news, prefix, problem, read, registry, rooms, signIn, signOut } from './rooms.ts'

export const OperatorPage = () => (
  <>
    <header class="bar">
      <span class="brand">
        <Logo />
        tabpod
      </span>
      {registry.value ? (
        <button type="button" class="button-small" onClick={signOut}>
          Lock
        </button>
      ) : (
        <span class="bar-host">{location.host}</span>
      )}
    </header>
    <main class="page page-inner page-single">{registry.value ? <Rooms /> : <SignIn />}</main>
  </>
)

const SignIn = () => {
  const token = useSignal('')
  const attempt = useMemo(createAttempt, [])
  const submit = (event: Event): void => {
    event.preventDefault()
    if (token.value.trim() === '') {
      attempt.problem.value = 'Enter the token that this shim was started with.'
      document.querySelector<HTMLInputElement>('#operator-token')?.focus()
      return
    }
    void attempt
      .run(() => signIn(token.value.trim()))
      .then((isIn) => {
        if (!isIn) document.querySelector<HTMLInputElement>('#operator-token')?.select()
      })
  }
  return (
    <div data-testid="operator-sign-in">
      <header class="page-head">
        <h1>Operator</h1>
        <p>For whoever runs this shim: which pods live here, what they take, and what to do when one must go.</p>
      </header>
      <form class="card" noValidate onSubmit={submit}>
        <Field
          id="operator-token"
          label="Operator token"
          value={token.value}
          secret
          problem={attempt.problem.value}
          hint="It stands in the setting TABPOD_OPERATOR_TOKEN. This page forgets it when you leave."
          onInput={(value) => {
            token.value = value
            attempt.problem.value = null
          }}
        />
        <FormFoot attempt={attempt} label="Show the rooms" busy="Asking…" look="main" quiet />
      </form>
    </div>
  )
}

/** The list is what the rooms have reported; typing asks for another part of it. */
const READ_AFTER_MS = 250

const Rooms = () => {
  useEffect(() => document.querySelector<HTMLElement>('h1')?.focus(), [])
  useEffect(() => {
    const timer = setTimeout(() => void read(), READ_AFTER_MS)
    return () => clearTimeout(timer)
  }, [prefix.value])
  const listed = rooms.value ?? []
  const count = `${formatCount(listed.length)}${more.value === null ? '' : ' or more'}`
  return (
    <div data-testid="operator-rooms">
      <header class="page-head">
        <h1 tabIndex={-1}>Rooms</h1>
        <p>Every address of this shim at which a pod lives. Rooms report when their tab comes or goes, and now and then while they grow.</p>
      </header>
      <form class="room-search" role="search" onSubmit={(event) => event.preventDefault()}>
        <Field
          id="prefix"
          label="Host name begins with"
          value={prefix.value}
          hint={isReading.value ? 'Reading…' : listed.length === 1 ? '1 room' : `${count} rooms`}
          onInput={(value) => (prefix.value = value)}
        >
          <button type="button" class="button-small" aria-label="Read the list again" onClick={() => void read()}>
            Refresh
          </button>
        </Field>
      </form>
      <p class="notice" role="status">
        {news.value}
      </p>
      {problem.value && (
        <p class="alarm" role="alert">
          {problem.value}
        </p>
      )}
      {listed.length === 0 && !isReading.value && !problem.value && <NoRooms />}
      <ul class="room-list">
        {listed.map((room) => (
          <RoomCard key={room.host} room={room} />
        ))}
      </ul>
      {more.value !== null && (
        <p class="form-foot">
          <button type="button" class="button" onClick={() => void read('next')}>
            Show more
          </button>
        </p>
      )}
    </div>
  )
}

const NoRooms = () => (
  <section class="card" data-testid="no-rooms">
    <h2>{prefix.value.trim() === '' ? 'No pod lives here yet' : 'No such room'}</h2>
    <p class="quiet">
      {prefix.value.trim() === ''
        ? 'A room shows here as soon as a pod has claimed its address. Rooms that were claimed before the operator token was set show when their tab comes back.'
        : 'No host name with a pod begins like that.'}
    </p>
  </section>
)
