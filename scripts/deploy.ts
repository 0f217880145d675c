/**
 * `npm run deploy [-- --dry-run]`: builds, and puts the room on Cloudflare, in the account that wrangler is logged in to. See docs/deploy.md.
 * `--dry-run`: what would be uploaded is made and checked, in .wrangler/dry-run. No account and no network is needed for that.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { readArguments } from './arguments.ts'
import { build } from './build.ts'
import { end, run } from './ending.ts'
import { root } from './root.ts'
import { QUIET_WRANGLER } from './runtimes.ts'

run(async () => {
  const flags = readArguments({ 'dry-run': 'boolean' })
  build({ quiet: true })
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js')
  const rehearsal = flags['dry-run'] ? ['--dry-run', `--outdir=${join(root, '.wrangler/dry-run')}`] : []
  const { status, error } = spawnSync(process.execPath, [wrangler, 'deploy', ...rehearsal], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...QUIET_WRANGLER },
  })
  if (error) throw error
  await end(status ?? 1)
})
