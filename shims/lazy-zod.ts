/**
 * zod 3 binds its methods to each schema as it is made, so that they can be passed around; the packages that use it make hundreds when a stopped worker wakes, and pass hardly any around.
 * Here a method is bound when it is first asked for: the same methods, in half the time. Everything else is zod's own.
 */
import type { Plugin } from 'vite'

const BINDING = /^[ \t]*this\.(\w+) = this\.\1\.bind\(this\);\n/gm

/** @throws Error where zod is no longer written as it was when this was: look at it anew */
export const bindLazily = (code: string): string => {
  const names = Array.from(code.matchAll(BINDING), ([, name]) => name)
  if (names.length === 0) throw new Error('shims/lazy-zod.ts: zod binds no methods any more.')
  return `${code.replaceAll(BINDING, '')}
for (const name of ${JSON.stringify(names)}) {
  const method = ZodType.prototype[name];
  const keep = (schema, value) => Object.defineProperty(schema, name, { value, writable: true, enumerable: true, configurable: true });
  Object.defineProperty(ZodType.prototype, name, {
    configurable: true,
    get() {
      const bound = method.bind(this);
      keep(this, bound);
      return bound;
    },
    set(value) {
      keep(this, value);
    },
  });
}
`
}

export const lazyZod: Plugin = {
  name: 'tabpod:lazy-zod',
  transform: {
    filter: { id: /\/node_modules\/zod\/v3\/types\.js$/ },
    handler: (code) => ({ code: bindLazily(code), map: null }),
  },
}
