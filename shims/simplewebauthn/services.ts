/** For the settings and the metadata service of @simplewebauthn/server: roots of vendors, and statements about their devices. */
export const SettingsService = {
  getRootCertificates: (): readonly string[] => [],
  /** Post-quantum keys: browsers' WebCrypto has none yet. */
  runtimeSupportsPQC: (): boolean => false,
}

export const MetadataService = {}
