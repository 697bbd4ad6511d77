import { describe, expect, test } from "vitest";
import { explainFailure } from "./explain-failure.mjs";

const wayOut = "or set NATS_URL and MONGODB_URL";

describe("what npm and pip print becomes one sentence", () => {
  test.each([
    {
      what: "a refused hash of npm's",
      tool: "npm",
      output: "npm error code EINTEGRITY\nnpm error sha512-aaa integrity checksum failed when using sha512",
      expected: /^what npm downloaded does not have the pinned hash, so it was not installed: .*set to use\.$/,
    },
    {
      what: "a refused hash of pip's",
      tool: "pip",
      output: "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
      expected: /^what pip downloaded does not have the pinned hash/,
    },
    {
      what: "a full disk that also broke a download",
      tool: "pip",
      output:
        "Max retries exceeded\nERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
      expected: /^the disk is full: make 1 GB free for \/clone and try again\.$/,
    },
    {
      what: "a folder that is read-only",
      tool: "npm",
      output: "npm error code EROFS\nnpm error EROFS: read-only file system, mkdir '/clone/node_modules'",
      expected: /^\/clone cannot be written: make it writable/,
    },
    {
      what: "a Python without pip",
      tool: "pip",
      output: "/usr/bin/python3: No module named pip",
      expected: /apt-get install python3-pip/,
    },
    {
      what: "a registry out of reach",
      tool: "npm",
      output: "npm error code EAI_AGAIN\nnpm error syscall getaddrinfo",
      expected: /^npm's registry cannot be reached: check the network/,
    },
    {
      what: "a registry that lacks a version",
      tool: "pip",
      output: "ERROR: No matching distribution found for SecantusDB==0.6.0b17",
      expected: /^pip's registry does not have a pinned package/,
    },
    {
      what: "anything else, in the tool's own last words",
      tool: "npm",
      output: "npm error something\nnpm error odd happened\n",
      expected: /^npm failed \(npm error something npm error odd happened\)\.$/,
    },
    { what: "silence", tool: "pip", output: "", expected: /^pip failed \(it said nothing\)\.$/ },
  ])("$what", ({ tool, output, expected }) => {
    const sentence = explainFailure({ tool, output, folder: "/clone", wayOut: "" });
    expect(sentence).toMatch(expected);
    expect(sentence).not.toContain("\n");
  });

  test("the way out ends the sentence", () => {
    const sentence = explainFailure({ tool: "pip", output: "ENOSPC", folder: "/clone", wayOut });
    expect(sentence).toMatch(/try again; or set NATS_URL and MONGODB_URL\.$/);
  });
});
