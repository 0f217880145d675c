/** The parts that are used; the runtime's own types pull in all of its globals, which clash with the DOM's. @see https://developers.cloudflare.com/durable-objects/api/base/ */
declare module 'cloudflare:workers' {
  export class DurableObject<Env> {
    protected readonly ctx: { readonly storage: import('./durable-port.ts').PartyStorage }
    protected readonly env: Env
    constructor(ctx: unknown, env: Env)
  }
}
