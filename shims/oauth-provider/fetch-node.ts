/** For `@atproto-labs/fetch-node`: its fetch guards a Node process against its own network. Ours asks through the room, which has guards of its own. */
export * from '@atproto-labs/fetch'

export const safeFetchWrap = (): never => {
  throw new TypeError('the provider is given its fetch')
}
