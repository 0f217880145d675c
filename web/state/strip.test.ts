import { effect } from '@preact/signals'
import { expect, test } from 'vitest'
import type { StripActivity } from './strip.ts'
import { createStrip } from './strip.ts'

const request = (path: string): StripActivity => ({ kind: 'request', at: 0, by: 'tab', origin: 'shim', method: 'GET', path, status: 200 })

const withFrames = (limit?: number) => {
  const queue: (() => void)[] = []
  const strip = createStrip((paint) => void queue.push(paint), limit)
  const paths = () => strip.rows.value.map(({ activity }) => (activity.kind === 'request' ? activity.path : ''))
  return { strip, paths, queue, frame: () => queue.splice(0).forEach((paint) => paint()) }
}

test('many activities between two frames are painted once, newest first', () => {
  const { strip, paths, queue, frame } = withFrames()
  let paints = -1
  effect(() => {
    void strip.rows.value
    paints++
  })
  for (const path of ['/1', '/2', '/3']) strip.add(request(path))
  expect(queue).toHaveLength(1)
  expect(paths()).toEqual([])
  frame()
  strip.add(request('/4'))
  frame()
  expect(paths()).toEqual(['/4', '/3', '/2', '/1'])
  expect(paints).toBe(2)
})

test('rows are bounded, also while no frame comes', () => {
  const { strip, paths, frame } = withFrames(3)
  for (let n = 1; n <= 10; n++) strip.add(request(`/${n}`))
  frame()
  expect(paths()).toEqual(['/10', '/9', '/8'])
})

test('paused, rows stand still and the strip counts what it holds back; resumed, it shows the newest', () => {
  const { strip, paths, frame } = withFrames(3)
  strip.add(request('/1'))
  frame()
  strip.pause()
  for (let n = 2; n <= 6; n++) strip.add(request(`/${n}`))
  frame()
  expect(paths()).toEqual(['/1'])
  expect(strip.held.value).toBe(5)
  strip.resume()
  expect(paths()).toEqual(['/6', '/5', '/4'])
  expect(strip.held.value).toBe(0)
})

test('rows keep their id, so that the list is moved and not painted anew', () => {
  const { strip, frame } = withFrames()
  strip.add(request('/1'))
  frame()
  const [first] = strip.rows.value
  strip.add(request('/2'))
  frame()
  expect(strip.rows.value[1]).toBe(first)
})
