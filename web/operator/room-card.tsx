/** One room: how it stood when it said so last, and what can be done with it. */
import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import type { QuotaUse, RoomReport } from '../../wire/operator.ts'
import { Field } from '../components/field.tsx'
import { FormFoot } from '../components/form-foot.tsx'
import { createAttempt } from '../state/attempt.ts'
import { formatTime } from '../state/date.ts'
import { formatBytes, formatCount } from '../state/size.ts'
import { change } from './rooms.ts'

const MINUTE_MS = 60_000
const PERIODS = [
  ['15 minutes', 15 * MINUTE_MS],
  ['a day', 24 * 60 * MINUTE_MS],
  ['30 days', 30 * 24 * 60 * MINUTE_MS],
] as const

export const RoomCard = ({ room }: { readonly room: RoomReport }) => {
  const open = useSignal<'kick' | 'forget' | null>(null)
  const looking = useMemo(createAttempt, [])
  const card = useRef<HTMLLIElement>(null)
  const { host } = room
  const close = (): void => {
    open.value = null
    card.current?.querySelector('button')?.focus()
  }
  const toggle = (what: 'kick' | 'forget') => ({
    type: 'button' as const,
    'aria-expanded': open.value === what,
    onClick: () => (open.value = open.value === what ? null : what),
  })
  return (
    <li
      class="card room-card"
      data-testid="room"
      data-host={host}
      ref={card}
      onKeyDown={({ key }) => key === 'Escape' && open.value !== null && close()}
    >
      <div class="room-head" data-state={room.kick ? 'refused' : room.online ? 'online' : 'asleep'}>
        <span class="dot" aria-hidden="true" />
        <h2>{host}</h2>
        <span class="room-state">{room.kick ? 'Sent away' : room.online ? 'Online' : 'Asleep'}</span>
      </div>
      <Facts room={room} />
      {room.kick && (
        <p class="warning">
          No tab is let in until {formatTime(room.kick.until)}.{room.kick.reason !== '' && ` The owner was told: “${room.kick.reason}”`}
        </p>
      )}
      {looking.problem.value && (
        <p class="alarm" role="alert">
          {looking.problem.value}
        </p>
      )}
      <p class="room-actions">
        <button
          type="button"
          class="button-small"
          aria-disabled={looking.busy.value}
          onClick={() => void looking.run(() => change(host, (registry) => registry.look(host), `${host} was asked just now.`))}
        >
          Ask it now
        </button>
        {room.kick ? (
          <button
            type="button"
            class="button-small"
            onClick={() => void looking.run(() => change(host, (registry) => registry.readmit(host), `${host} may come back.`))}
          >
            Let it in again
          </button>
        ) : (
          <button class="button-small" {...toggle('kick')}>
            Send away…
          </button>
        )}
        <button class="button-small button-danger" {...toggle('forget')}>
          Forget…
        </button>
      </p>
      {open.value === 'kick' && <KickForm host={host} close={close} />}
      {open.value === 'forget' && <ForgetForm host={host} close={close} />}
    </li>
  )
}

const Facts = ({ room }: { readonly room: RoomReport }) => {
  const { storage, requests, events } = room.quotas
  return (
    <dl class="room-facts">
      <Fact term="Account">
        @{room.handle}
        {room.standing !== 'active' && `, ${room.standing}`}
        <br />
        <span class="mono">{room.did}</span>
      </Fact>
      <Fact term="Tab last heard">{room.seenAt === 0 ? 'Never' : formatTime(room.seenAt)}</Fact>
      <Fact term="Stored">{storage ? inQuota(storage, formatBytes) : formatBytes(room.bytes)}</Fact>
      <Fact term="Subscribers">{formatCount(room.subscribers)}</Fact>
      {requests && <Fact term="Requests today">{inQuota(requests, formatCount)}</Fact>}
      {events && <Fact term="Events today">{inQuota(events, formatCount)}</Fact>}
      <Fact term="Reported">{formatTime(room.at)}</Fact>
    </dl>
  )
}

const Fact = ({ term, children }: { readonly term: string; readonly children: ComponentChildren }) => (
  <div>
    <dt>{term}</dt>
    <dd>{children}</dd>
  </div>
)

const inQuota = ({ used, limit }: QuotaUse, format: (value: number) => string) => (
  <span class={used >= limit ? 'alarm-text' : ''}>
    {format(used)} of {format(limit)}
    {used >= limit && ', full'}
  </span>
)

interface FormProps {
  readonly host: string
  readonly close: () => void
}

const KickForm = ({ host, close }: FormProps) => {
  const reason = useSignal('')
  const ms = useSignal<number>(PERIODS[0][1])
  const attempt = useMemo(createAttempt, [])
  const id = `reason-${host}`
  useEffect(() => document.getElementById(id)?.focus(), [])
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    const order = { host, reason: reason.value.trim(), ms: ms.value }
    if (await attempt.run(() => change(host, (registry) => registry.kick(order), `${host} was sent away.`))) close()
  }
  return (
    <form class="aside" noValidate onSubmit={submit}>
      <p>
        The tab is disconnected and not let in for a while. Nothing is deleted: what is public is served on, and what the owner writes waits
        in their browser.
      </p>
      <Field
        id={id}
        label="What the owner is told"
        value={reason.value}
        hint="A sentence, such as “Please write to me before you go on.”"
        onInput={(value) => (reason.value = value.slice(0, 300))}
      />
      <div class="field">
        <label for={`period-${host}`}>For how long</label>
        <div class="field-box">
          <select id={`period-${host}`} value={String(ms.value)} onChange={({ currentTarget }) => (ms.value = Number(currentTarget.value))}>
            {PERIODS.map(([name, value]) => (
              <option key={name} value={String(value)}>
                {name}
              </option>
            ))}
          </select>
        </div>
      </div>
      <FormFoot attempt={attempt} label="Send away" busy="Sending away…" look="danger" />
    </form>
  )
}

const ForgetForm = ({ host, close }: FormProps) => {
  const typed = useSignal('')
  const attempt = useMemo(createAttempt, [])
  const id = `confirm-${host}`
  useEffect(() => document.getElementById(id)?.focus(), [])
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    if (typed.value.trim() !== host) {
      attempt.problem.value = `Type ${host} to confirm.`
      document.getElementById(id)?.focus()
      return
    }
    if (
      await attempt.run(() =>
        change(host, async (registry) => (await registry.forget(host, host), null), `${host} is forgotten, and free for another pod.`),
      )
    )
      close()
  }
  return (
    <form class="aside" noValidate onSubmit={submit}>
      <p>
        The room deletes its copy of the repo and the blobs, and whose it was. The owner’s browser keeps everything. There is no way back
        from here: only the owner’s tab can fill the room again, if it may claim the address.
      </p>
      <Field
        id={id}
        label={`Type ${host} to confirm`}
        value={typed.value}
        mono
        problem={attempt.problem.value}
        onInput={(value) => {
          typed.value = value
          attempt.problem.value = null
        }}
      />
      <FormFoot attempt={attempt} label="Forget for good" busy="Forgetting…" look="danger" quiet />
    </form>
  )
}
