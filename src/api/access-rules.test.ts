import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, createConnectRouter, createContextValues } from "@connectrpc/connect";
import { describe, expect, it, test } from "vitest";
import { Health } from "../../gen/health/v1/health_pb.js";
import { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import { permissionsOf, ROLES, type Role } from "../domain/access/permissions.ts";
import type { Caller, ServiceCaller, UserCaller, Workspace } from "../integrations/access-directory.ts";
import { ACCESS_RULES, findAccessRule, toMethodName } from "./access-rules.ts";
import { API_SERVICES } from "./api-routes.ts";
import { authenticate, getCaller } from "./authenticate.ts";
import { registerReflection } from "./reflection-service.ts";
import { toConnectError } from "./to-connect-error.ts";

const workspace: Workspace = { id: "main", createdAt: new Date(0), idSecret: new Uint8Array(32) };
const service: ServiceCaller = {
  ...{ kind: "service", workspace, actor: "key/abc", permissions: permissionsOf(["owner"]) },
  credential: { kind: "key", prefix: "abc", hash: "" },
};
const user: UserCaller = { kind: "user", workspace, userId: "u", tokenExpiresAt: new Date(0) };
const directory = {
  findService: (key: string) => (key === "key" ? service : undefined),
  findUser: (token: string) => (token === "token" ? user : undefined),
  findForwarded: () => "absent" as const,
  isInForce: () => true,
};

function isAllowed(method: DescMethod, roles: readonly Role[]): boolean {
  const rule = findAccessRule(method);
  return rule !== undefined && rule.for !== "anybody" && rule.permissions.some((p) => permissionsOf(roles).has(p));
}

function servedMethods(): DescMethod[] {
  const router = createConnectRouter();
  registerReflection(router, [], []);
  const services: readonly DescService[] = [
    ...API_SERVICES,
    Health,
    ...router.handlers.map((handler) => handler.service),
  ];
  return services.flatMap(({ methods }) => methods);
}

describe("access rules", () => {
  it("say for every method that is served who may call it, and for no other", () => {
    expect(new Set(Object.keys(ACCESS_RULES))).toEqual(new Set(servedMethods().map(toMethodName)));
  });

  it("let an analyst call nothing that has side effects", () => {
    const allowed = servedMethods().filter((method) => isAllowed(method, ["analyst"]));
    const changing = allowed.filter(
      ({ idempotency }) => idempotency !== MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS,
    );
    // Exports and watches are streams, which can't be marked: a GET has no stream.
    expect(changing.filter(({ methodKind }) => methodKind === "unary").map(toMethodName)).toEqual([]);
  });

  it("let none but owners and the platform's key near keys, settings and the audit log", () => {
    const admin = servedMethods().filter(({ parent }) => parent.typeName === "intervention.v1.AdminService");
    const others = ROLES.filter((role) => role !== "owner");
    expect(admin.filter((method) => isAllowed(method, others))).toEqual([]);
    const owners = admin.filter((method) => isAllowed(method, ["owner"])).map(({ name }) => name);
    expect(admin.map(({ name }) => name).filter((name) => !owners.includes(name))).toEqual(["CreateWorkspace"]);
  });
});

describe("authentication", () => {
  const call = (
    method:
      | (typeof InterventionService.methods)[number]
      | (typeof InboxService.methods)[number]
      | (typeof Health.methods)[number],
    authorization?: string,
  ): Caller | string => {
    const values = createContextValues();
    try {
      authenticate(directory, {
        method,
        header: new Headers(authorization === undefined ? {} : { authorization }),
        values,
      });
      return method.parent === Health ? "open" : getCaller(values);
    } catch (error) {
      return Code[toConnectError(error).code];
    }
  };

  test.each([
    {
      who: "a service",
      what: "Trigger",
      method: InterventionService.method.trigger,
      authorization: "Bearer key",
      outcome: service,
    },
    {
      who: "a service",
      what: "the inbox",
      method: InboxService.method.list,
      authorization: "bearer key",
      outcome: service,
    },
    {
      who: "a user",
      what: "the inbox",
      method: InboxService.method.list,
      authorization: "Bearer token",
      outcome: user,
    },
    {
      who: "a user",
      what: "Trigger",
      method: InterventionService.method.trigger,
      authorization: "Bearer token",
      outcome: "PermissionDenied",
    },
    {
      who: "a stranger",
      what: "Trigger",
      method: InterventionService.method.trigger,
      authorization: "Bearer nobody",
      outcome: "Unauthenticated",
    },
    {
      who: "nobody",
      what: "Trigger",
      method: InterventionService.method.trigger,
      authorization: undefined,
      outcome: "Unauthenticated",
    },
    {
      who: "a service without a scheme",
      what: "Trigger",
      method: InterventionService.method.trigger,
      authorization: "key",
      outcome: "Unauthenticated",
    },
    { who: "nobody", what: "health", method: Health.method.check, authorization: undefined, outcome: "open" },
  ])("answers $who who calls $what with $outcome", ({ method, authorization, outcome }) => {
    expect(call(method, authorization)).toEqual(outcome);
  });
});
