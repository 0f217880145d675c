/**
 * Loaded into `partykit dev` (`node --import`) for two settings of miniflare that its command line has no flag for: where partykit asks for miniflare
 * it gets `quiet-miniflare.mjs`.
 */
import { registerHooks } from 'node:module'

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'miniflare' && context.conditions.includes('import')
      ? { url: new URL('quiet-miniflare.mjs', import.meta.url).href, shortCircuit: true }
      : next(specifier, context),
})
