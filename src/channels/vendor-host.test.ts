import { describe, expect, test } from "vitest";
import { sesProvider } from "./email/ses.ts";
import { vonageProvider } from "./sms/vonage.ts";

const ses = { region: "eu-west-1", accessKeyId: "a", secretAccessKey: "b" };
const vonage = { applicationId: "78d335fa-323d-4114-9c3d-d6f0d48968cf", privateKey: "PRIVATE KEY" };
const openSes = (endpoint: string, allowPrivate: boolean) => sesProvider({ allowPrivate }).open({ ...ses, endpoint });
const openVonage = (apiHost: string, allowPrivate: boolean) =>
  vonageProvider({ allowPrivate }).open({ ...vonage, apiHost });

describe("a provider's credential", () => {
  test.each([
    [openSes, "https://email.eu-west-1.amazonaws.com"],
    [openSes, "https://vpce-1.email.eu-west-1.vpce.amazonaws.com"],
    [openSes, "https://email.cn-north-1.amazonaws.com.cn"],
    [openVonage, "https://api-eu.vonage.com"],
    [openVonage, "https://messages-sandbox.nexmo.com"],
  ])("may name a host of the vendor's: %o %s", async (open, url) => {
    await open(url, false).close();
  });

  test.each([
    [openSes, "http://email.eu-west-1.amazonaws.com", /is not https/],
    [openSes, "https://169.254.169.254", /is not at amazonaws\.com/],
    [openSes, "https://amazonaws.com.example.org", /is not at/],
    [openSes, "https://notamazonaws.com", /is not at/],
    [openSes, "https://email.eu-west-1.amazonaws.com@10.0.0.1/", /is not at/],
    [openVonage, "https://127.0.0.1:8080", /is not at nexmo\.com or vonage\.com/],
    [openVonage, "https://[::1]", /is not at/],
    [openVonage, "http://api.nexmo.com", /is not https/],
  ])("names no other: %o %s", async (open, url, message) => {
    expect(() => open(url, false)).toThrow(message);
    // In a closed network, and before an emulator, it may.
    await open(url, true).close();
  });
});
