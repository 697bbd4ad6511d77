import type { DescService } from "@bufbuild/protobuf";
import { Code, createConnectRouter, createContextValues } from "@connectrpc/connect";
import { describe, expect, it, test } from "vitest";
import { Health } from "../../gen/health/v1/health_pb.js";
import { InboxService } from "../../gen/intervention/v1/inbox_service_pb.js";
import { InterventionService } from "../../gen/intervention/v1/intervention_service_pb.js";
import type { Caller, ServiceCaller, UserCaller, Workspace } from "../integrations/access-directory.ts";
import { ACCESS_RULES, toMethodName } from "./access-rules.ts";
import { API_SERVICES } from "./api-routes.ts";
import { authenticate, getCaller } from "./authenticate.ts";
import { registerReflection } from "./reflection-service.ts";
import { toConnectError } from "./to-connect-error.ts";

const workspace: Workspace = { id: "main", createdAt: new Date(0), idSecret: new Uint8Array(32) };
const service: ServiceCaller = { kind: "service", workspace };
const user: UserCaller = { kind: "user", workspace, userId: "u", tokenExpiresAt: new Date(0) };
const directory = {
  findService: (key: string) => (key === "key" ? service : undefined),
  findUser: (token: string) => (token === "token" ? user : undefined),
};

function servedMethods(): Set<string> {
  const router = createConnectRouter();
  registerReflection(router, [], []);
  const services: readonly DescService[] = [
    ...API_SERVICES,
    Health,
    ...router.handlers.map((handler) => handler.service),
  ];
  return new Set(services.flatMap(({ methods }) => methods.map(toMethodName)));
}

describe("access rules", () => {
  it("say for every method that is served who may call it, and for no other", () => {
    expect(new Set(Object.keys(ACCESS_RULES))).toEqual(servedMethods());
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
