/**
 * For the verifiers of attestations of @simplewebauthn/server, which bring an X.509 library and vendors' roots (50 kB gzip): we ask for none
 * (`attestation: 'none'`), and what comes all the same says nothing that anything here depends on.
 */
const ignored = async (): Promise<boolean> => true

export {
  ignored as verifyAttestationAndroidKey,
  ignored as verifyAttestationAndroidSafetyNet,
  ignored as verifyAttestationApple,
  ignored as verifyAttestationFIDOU2F,
  ignored as verifyAttestationPacked,
  ignored as verifyAttestationTPM,
}

/** Of certificates only. */
export const convertX509PublicKeyToCOSE = (): never => {
  throw new TypeError('no certificates here')
}
