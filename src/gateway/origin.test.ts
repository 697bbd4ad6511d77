import { describe, expect, test } from "vitest";
import { isOriginAllowed } from "./origin.ts";

describe("the origin list", () => {
  test.each([
    { what: "no browser", origin: "", host: "shop.example", allowed: [], verdict: true },
    { what: "our own page", origin: "http://127.0.0.1:8080", host: "127.0.0.1:8080", allowed: [], verdict: true },
    { what: "our own page behind TLS", origin: "https://rt.example", host: "rt.example", allowed: [], verdict: true },
    {
      what: "a page of the list",
      origin: "https://shop.example",
      host: "rt.example",
      allowed: ["https://shop.example"],
      verdict: true,
    },
    {
      what: "any page when all are allowed",
      origin: "https://else.example",
      host: "rt.example",
      allowed: ["*"],
      verdict: true,
    },
    {
      what: "a page that is not on the list",
      origin: "https://evil.example",
      host: "rt.example",
      allowed: ["https://shop.example"],
      verdict: false,
    },
    {
      what: "a page whose name merely begins like ours",
      origin: "https://rt.example.evil.example",
      host: "rt.example",
      allowed: [],
      verdict: false,
    },
    {
      what: "another port of the same host",
      origin: "http://rt.example:81",
      host: "rt.example",
      allowed: [],
      verdict: false,
    },
    { what: "a sandboxed page", origin: "null", host: "rt.example", allowed: [], verdict: false },
    { what: "an empty host", origin: "http://", host: "", allowed: [], verdict: false },
  ])("$what: $verdict", ({ origin, host, allowed, verdict }) => {
    expect(isOriginAllowed({ origin, host, allowed })).toBe(verdict);
  });
});
