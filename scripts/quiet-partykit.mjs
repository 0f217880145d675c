/**
 * Loaded into `partykit dev` (`node --import`) for settings that its command line has no flag for. Where partykit asks for miniflare it gets
 * `quiet-miniflare.mjs`. And it offers no debugger: that one listens for the whole network, and of two that start in the same moment one ends with
 * EADDRINUSE, because both found port 9229 free before either listened.
 */
import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'

const PARTYKIT = pathToFileURL(process.argv[1]).href
const ASKED = 'props.enableInspector ?? true'

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === 'miniflare' && context.conditions.includes('import')
      ? { url: new URL('quiet-miniflare.mjs', import.meta.url).href, shortCircuit: true }
      : next(specifier, context),
  load: (url, context, next) => {
    const loaded = next(url, context)
    if (url !== PARTYKIT) return loaded
    const source = String(loaded.source)
    if (!source.includes(ASKED))
      throw new Error(`This partykit does not ask "${ASKED}" any more: see whether scripts/quiet-partykit.mjs is still needed.`)
    return { ...loaded, source: source.replace(ASKED, 'false') }
  },
})
