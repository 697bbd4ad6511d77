/** The signatures that may be trusted at all (RFC 7518): those whose keys can be published. With HMAC a public key, which everybody
 *  has, would do as the secret; `none` needs nothing at all. */
export const JWT_ALGORITHMS = [
  ...["RS256", "RS384", "RS512"],
  ...["PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512"],
] as const;
