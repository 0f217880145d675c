import { expect, it, vi } from 'vitest'
import type { TabFrame } from '../../wire/frames.ts'
import { MAIL_DEADLINE_MS } from '../../wire/limits.ts'
import { Mail } from './mail.ts'

const TO = 'alice@example.com'
const attached = (isAble = true) => {
  const mail = new Mail()
  const sent: TabFrame[] = []
  mail.attach((head) => void sent.push(head), isAble)
  return { mail, sent }
}

it('goes to the room, whose answer says what became of it', async () => {
  const { mail, sent } = attached()
  const [first, second] = [mail.deliver(TO, 'reset-password', 'AAAAA-AAAAA'), mail.deliver(TO, 'delete-account', 'BBBBB-BBBBB')]
  expect(sent).toEqual([
    { t: 'mail', id: 1, to: TO, purpose: 'reset-password', token: 'AAAAA-AAAAA' },
    { t: 'mail', id: 2, to: TO, purpose: 'delete-account', token: 'BBBBB-BBBBB' },
  ])
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  mail.answered({ t: 'mailed', id: 2, error: 'MailRefused', message: 'no such mailbox' })
  mail.answered({ t: 'mailed', id: 1 })
  expect(await Promise.all([first, second])).toEqual([true, false])
})

it('does not go where the room cannot mail, or is not there', async () => {
  const { mail, sent } = attached(false)
  expect(await mail.deliver(TO, 'reset-password', 'AAAAA-AAAAA')).toBe(false)
  expect(await new Mail().deliver(TO, 'reset-password', 'AAAAA-AAAAA')).toBe(false)
  expect(sent).toEqual([])
})

it('counts as unsent when the connection ends, or nobody answers', async () => {
  const { mail } = attached()
  const cut = mail.deliver(TO, 'reset-password', 'AAAAA-AAAAA')
  mail.detach()
  expect(await cut).toBe(false)

  vi.useFakeTimers()
  const { mail: silent } = attached()
  const waiting = silent.deliver(TO, 'reset-password', 'AAAAA-AAAAA')
  vi.advanceTimersByTime(MAIL_DEADLINE_MS)
  expect(await waiting).toBe(false)
  vi.useRealTimers()
})
