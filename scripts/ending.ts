/** When a script has to stop, and what it owes the machine before it does. */

type Cleanup = () => Promise<void> | void

const cleanups: Cleanup[] = []
let ending: Promise<void> | null = null

/** Remembers something to undo before the process ends; the newest goes first. */
export const beforeEnd = (cleanup: Cleanup): void => {
  cleanups.push(cleanup)
}

/** Undoes everything and exits. A failing clean-up is reported and makes the exit code 1, and the others still run. */
export const end = async (code: number): Promise<never> => {
  let exitCode = code
  ending ??= (async () => {
    for (const cleanup of cleanups.reverse()) {
      try {
        await cleanup()
      } catch (error) {
        exitCode = 1
        process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
      }
    }
  })()
  await ending
  process.exit(exitCode)
}

/** Ends on SIGINT, SIGTERM, SIGHUP, and when scripts/setup.mjs is gone (its IPC channel closes, even after SIGKILL). */
export const endOnSignals = (): void => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void end(0))
  if (process.channel) {
    process.on('disconnect', () => void end(0))
    process.channel.unref()
  }
}

/** Runs a script: what it throws is one sentence on stderr and exit code 1, `Usage` is exit code 2. */
export const run = (main: () => Promise<void>): void => {
  endOnSignals()
  main().catch((error: unknown) => {
    // What breaks because we are stopping is no news.
    if (ending !== null) return
    process.stderr.write(
      `${error instanceof Error ? (error.name === 'Error' ? error.message : (error.stack ?? error.message)) : String(error)}\n`,
    )
    void end(error instanceof Usage ? 2 : 1)
  })
}

/** The command line makes no sense; the message is one sentence that says why. */
export class Usage extends Error {}
