/** The parts that are used; the runtime's own types pull in all of its globals, which clash with the DOM's. @see https://developers.cloudflare.com/workers/runtime-apis/tcp-sockets/ */
declare module 'cloudflare:sockets' {
  export interface Socket {
    readonly readable: ReadableStream<Uint8Array>
    readonly writable: WritableStream<Uint8Array>
    readonly opened: Promise<unknown>
    readonly closed: Promise<void>
    startTls(options: { readonly expectedServerHostname: string }): Socket
    close(): Promise<void>
  }
  export function connect(
    address: { readonly hostname: string; readonly port: number },
    options: { readonly secureTransport: 'on' | 'off' | 'starttls'; readonly allowHalfOpen: boolean },
  ): Socket
}
