/** Which processes of a group are alive: how a script proves that it leaves none behind. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const POLL_MS = 25
/** workerd ends within 100 ms of SIGTERM; on a machine under load it may take seconds. */
const TERMINATE_MS = 5_000
const KILL_MS = 5_000

/** Process ids of the living members of `group`. Zombies are dead: where nobody reaps (containers) they stay in the table for ever. */
export const membersOf = (group: number): number[] => {
  if (process.platform === 'linux') {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          // "pid (command) state ppid pgrp …": the command may hold spaces and brackets.
          const [state, , pgrp] = readFileSync(`/proc/${name}/stat`, 'utf8')
            .replace(/^.*\) /s, '')
            .split(' ')
          return Number(pgrp) === group && state !== 'Z' && state !== 'X' ? [Number(name)] : []
        } catch {
          return []
        }
      })
  }
  return execFileSync('ps', ['-A', '-o', 'pid=,pgid=,stat='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([pid, pgid, stat]) => (Number(pgid) === group && !stat?.startsWith('Z') ? [Number(pid)] : []))
}

/** Memory that the processes of this name in `group` hold; null where there is no /proc, or none of them. @see https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
export const residentBytes = (group: number, name: string): number | null => {
  if (process.platform !== 'linux') return null
  const pages = membersOf(group).flatMap((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      return stat.includes(`(${name})`) ? Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[21]) : []
    } catch {
      return []
    }
  })
  return pages.length === 0 ? null : pages.reduce((sum, count) => sum + count, 0) * PAGE_BYTES
}

const PAGE_BYTES = 4096

const signalGroup = (group: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(-group, signal)
  } catch {
    // ESRCH: nobody is left in the group.
  }
}

const emptied = async (group: number, withinMs: number): Promise<boolean> => {
  for (const until = Date.now() + withinMs; Date.now() < until; await sleep(POLL_MS)) {
    if (membersOf(group).length === 0) return true
  }
  // This process may have been busy with something else all that time.
  return membersOf(group).length === 0
}

/**
 * Ends every process of the group, gently first unless `gently` is false.
 * @throws if one is still alive after SIGKILL.
 */
export const endGroup = async (group: number, gently = true): Promise<void> => {
  if (gently) {
    signalGroup(group, 'SIGTERM')
    if (await emptied(group, TERMINATE_MS)) return
  }
  signalGroup(group, 'SIGKILL')
  if (!(await emptied(group, KILL_MS))) throw new Error(`processes ${membersOf(group).join(', ')} outlived SIGKILL`)
}
