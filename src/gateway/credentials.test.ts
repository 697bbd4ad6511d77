import { describe, expect, test } from "vitest";
import { findCredentials } from "./credentials.ts";

describe("credentials of an upgrade", () => {
  test.each([
    {
      subprotocols: "intervention.v1.json, token.abc.def.ghi",
      authorization: "",
      queryToken: "",
      token: "abc.def.ghi",
      format: "json",
      subprotocol: "intervention.v1.json",
    },
    {
      subprotocols: "token.abc, intervention.v1.proto",
      authorization: "",
      queryToken: "",
      token: "abc",
      format: "proto",
      subprotocol: "intervention.v1.proto",
    },
    {
      subprotocols: "intervention.v1.proto,intervention.v1.json",
      authorization: "Bearer abc",
      queryToken: "",
      token: "abc",
      format: "proto",
      subprotocol: "intervention.v1.proto",
    },
    { subprotocols: "", authorization: "bearer abc", queryToken: "", token: "abc", format: "json", subprotocol: "" },
    { subprotocols: "", authorization: "Basic abc", queryToken: "q", token: "q", format: "json", subprotocol: "" },
    {
      subprotocols: "toString, constructor",
      authorization: "",
      queryToken: "",
      token: "",
      format: "json",
      subprotocol: "",
    },
  ])("$subprotocols / $authorization / $queryToken", ({ token, format, subprotocol, ...request }) => {
    expect(findCredentials(request)).toEqual({ token, format, subprotocol });
  });
});
