/** For the OAuth provider's `customization.js`: what its own pages look like. Ours have their own (sw/oauth/contract.ts, `Branding`). */
export const customizationSchema = { parse: () => ({}) }
