import { expect, test } from 'vitest'
import { XrpcError } from '../wire/errors.ts'
import { errorToResponse, forPeople } from './answer.ts'

const PERSON = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }

const asleep = (): Response => errorToResponse(new XrpcError(503, 'PodAsleep', 'The tab is closed', { headers: { 'retry-after': '30' } }))

const said = async (path: string, headers: Record<string, string>, response = asleep()): Promise<Response> =>
  forPeople(new Request(`https://pod.example${path}`, { headers }), path, response)

test.each(['/oauth/authorize', '/account', '/account/security', '/indieauth/authorize', '/fedcm/login', '/fedcm/continue'])(
  'a person who comes to %s while the tab is closed reads why, and a program hears the code',
  async (path) => {
    const page = await said(path, PERSON)
    expect([page.status, page.headers.get('retry-after'), page.headers.get('content-type')]).toEqual([
      503,
      '30',
      'text/html; charset=utf-8',
    ])
    expect(await page.text()).toContain('browser is asleep')
    expect(await (await said(path, {})).json()).toMatchObject({ error: 'PodAsleep' })
  },
)

test('what is no page stays as it is, and so does what the tab answered', async () => {
  expect(await (await said('/oauth/token', PERSON)).json()).toMatchObject({ error: 'PodAsleep' })
  expect(await (await said('/fedcm/assertion', PERSON)).json()).toMatchObject({ error: 'PodAsleep' })
  expect(await (await said('/accounting', PERSON)).json()).toMatchObject({ error: 'PodAsleep' })
  const page = new Response('<p>wrong password', { status: 401, headers: { 'content-type': 'text/html' } })
  expect(await said('/account', PERSON, page)).toBe(page)
})
