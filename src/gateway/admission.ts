import type { UserCaller } from "../integrations/access-directory.ts";
import { type CapLimits, ConnectionCaps } from "./connection-caps.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import type { IdentifyUser, UserRequest } from "./identify-user.ts";

/** One who was let in; give it back with `release`. */
export type Admitted = { readonly user: UserCaller; readonly address: string };
export type AdmissionDecision =
  | { readonly kind: "admitted"; readonly admitted: Admitted }
  | { readonly kind: "refused"; readonly status: string; readonly message: string };

/** Decides at the door, without waiting for anything, who gets a live connection. */
export class Admission {
  readonly #identify: IdentifyUser;
  readonly #caps: ConnectionCaps;
  readonly #metrics: GatewayMetrics;
  #isDraining = false;

  constructor(options: {
    readonly identify: IdentifyUser;
    readonly limits: CapLimits;
    readonly metrics: GatewayMetrics;
  }) {
    this.#identify = options.identify;
    this.#caps = new ConnectionCaps(options.limits);
    this.#metrics = options.metrics;
  }

  admit(request: UserRequest & { readonly isOriginAllowed: boolean; readonly address: string }): AdmissionDecision {
    if (this.#isDraining)
      return this.#refuse("draining", "503 Service Unavailable", "this gateway is about to stop: connect again");
    if (!request.isOriginAllowed)
      return this.#refuse("origin", "403 Forbidden", "pages of this origin may not connect: see ALLOWED_ORIGINS");
    const user = this.#identify(request);
    if (user === undefined)
      return this.#refuse("token", "401 Unauthorized", "the token is missing, has ended or is not one of ours");
    const full = this.#caps.acquire(keyOf(user), request.address);
    if (full === "user")
      return this.#refuse(
        "user_cap",
        "429 Too Many Requests",
        "this user has too many connections: see SOCKETS_PER_USER_MAX",
      );
    if (full === "address")
      return this.#refuse(
        "address_cap",
        "429 Too Many Requests",
        "this address has too many connections: see SOCKETS_PER_ADDRESS_MAX",
      );
    return { kind: "admitted", admitted: { user, address: request.address } };
  }

  release({ user, address }: Admitted): void {
    this.#caps.release(keyOf(user), address);
  }

  /** From now on nobody is let in. */
  drain(): void {
    this.#isDraining = true;
  }

  #refuse(reason: Parameters<GatewayMetrics["refused"]>[0], status: string, message: string): AdmissionDecision {
    this.#metrics.refused(reason);
    return { kind: "refused", status, message };
  }
}

const keyOf = (user: UserCaller) => `${user.workspace.id}/${user.userId}`;
