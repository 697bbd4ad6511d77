import { durationMs } from "@bufbuild/protobuf/wkt";
import { z } from "zod";
import { RoleSchema, type IdentityProvider as WireProvider } from "../../gen/intervention/v1/admin_service_pb.js";
import { JWT_ALGORITHMS } from "../domain/access/jwt-algorithms.ts";
import { PrivateHost, refusePrivateLiteral } from "../integrations/public-hosts.ts";
import type { IdentityProvider } from "../store/index.ts";
import {
  type Check,
  checked,
  durationBetween,
  httpUrl,
  memberOf,
  parseFields,
  show,
  text,
  withoutControlCharacters,
} from "./field-checks.ts";
import { fromWireRoles } from "./to-admin.ts";

const NAME = [text({ min: 1, max: 500 }), withoutControlCharacters] as const;
const ALGORITHMS_DEFAULT = ["RS256", "ES256"];
const CLOCK_SKEW_S_DEFAULT = 30;

const algorithm: Check<string> = (name) =>
  JWT_ALGORITHMS.some((known) => known === name)
    ? undefined
    : `${show(name)} is none of ${JWT_ALGORITHMS.join(", ")}: others can be forged or can't be published`;

/** Clear text lets whoever is on the way put his own keys in. */
const httpsUrl: Check<string> = (value) =>
  /^https:/i.test(value)
    ? undefined
    : `${show(value)} is not https: keys that come in clear text can be replaced on the way`;

/** The likeliest mistake is told at once; where a name leads is looked at whenever the keys are read. */
const publicHost: Check<string> = (value) => {
  try {
    refusePrivateLiteral(new URL(value));
  } catch (error) {
    if (error instanceof PrivateHost) return `${show(value)} is an address of a private network: give a public one`;
    throw error;
  }
  return undefined;
};

/** What the engine's operator allows. */
type Allowed = { readonly allowHttpJwks: boolean; readonly allowPrivateJwks: boolean };

const schemaFor = ({ allowHttpJwks, allowPrivateJwks }: Allowed) =>
  z.object({
    identityProvider: z.object({
      issuer: checked(...NAME),
      audience: checked(...NAME),
      jwksUrl: checked(httpUrl, ...(allowHttpJwks ? [] : [httpsUrl]), ...(allowPrivateJwks ? [] : [publicHost])),
      algorithms: z.array(checked(algorithm)).max(JWT_ALGORITHMS.length),
      clockSkew: checked(durationBetween({ minS: 0, maxS: 300, allowed: "0 to 300 s" })).optional(),
      workspaceClaim: checked(text({ max: 100 }), withoutControlCharacters),
      serviceRoles: z.array(checked(memberOf(RoleSchema, { allowUnspecified: false }))).max(5),
    }),
  });

/** @throws InvalidInput naming every bad field. */
export function parseIdentityProvider(wire: WireProvider, allowed: Allowed): IdentityProvider {
  const { identityProvider: given } = parseFields(schemaFor(allowed), { identityProvider: wire });
  return {
    issuer: given.issuer,
    audience: given.audience,
    jwksUrl: given.jwksUrl,
    algorithms: given.algorithms.length === 0 ? ALGORITHMS_DEFAULT : given.algorithms,
    clockSkewS: given.clockSkew === undefined ? CLOCK_SKEW_S_DEFAULT : durationMs(given.clockSkew) / 1_000,
    serviceRoles: fromWireRoles(given.serviceRoles),
    ...(given.workspaceClaim === "" ? {} : { workspaceClaim: given.workspaceClaim }),
  };
}
