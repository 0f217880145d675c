import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { filesInTar, tarOf } from './tar.ts'

const entries = [
  { name: 'bafkrei.png', content: new Blob([new Uint8Array(512).fill(7)]) },
  { name: 'empty', content: new Blob([]) },
  { name: 'odd.txt', content: new Blob(['ö'.repeat(1000)]) },
]

test('what was put together comes apart the same', async () => {
  const back = await filesInTar(tarOf(entries))
  expect(back.map(({ name }) => name)).toEqual(entries.map(({ name }) => name))
  for (const [index, { content }] of back.entries()) expect(await content.text()).toBe(await entries[index]!.content.text())
})

test('the system’s own tar reads it, and what that writes is read here', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tabpod-tar-'))
  try {
    writeFileSync(join(directory, 'ours.tar'), new Uint8Array(await tarOf(entries).arrayBuffer()))
    expect(spawnSync('tar', ['-xf', 'ours.tar'], { cwd: directory }).status).toBe(0)
    expect(readFileSync(join(directory, 'odd.txt'), 'utf8')).toBe('ö'.repeat(1000))
    spawnSync('tar', ['-cf', 'theirs.tar', 'odd.txt', 'bafkrei.png'], { cwd: directory })
    const theirs = await filesInTar(new Blob([readFileSync(join(directory, 'theirs.tar'))]))
    expect(theirs.map(({ name, content }) => [name, content.size])).toEqual([
      ['odd.txt', 2000],
      ['bafkrei.png', 512],
    ])
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('other files and cut-off archives are named as such', async () => {
  await expect(filesInTar(new Blob(['x'.repeat(2000)]))).rejects.toThrow('no tar file')
  await expect(filesInTar(tarOf(entries).slice(0, 700))).rejects.toThrow('cut off')
})

test('a name that does not fit is refused', () => {
  expect(() => tarOf([{ name: 'a'.repeat(101), content: new Blob([]) }])).toThrow(RangeError)
})
