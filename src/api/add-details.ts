import { Code, type ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.js";
import { shorten } from "./shorten.ts";

/** Scopes the reasons, so that a caller of several services can tell them apart (AIP-193). */
export const ERROR_DOMAIN = "intervention.v1";
const DESCRIPTION_MAX = 400;
/** Connect has several wordings, in the words of its own settings. */
const TOO_LARGE = "the message is larger than is read at once: send it in parts";

/** Adds to an error that Connect itself has raised, which tells by words only, what a program can read. One that has details stays
 *  as it is. So does one whose code says all there is to say, such as a deadline. */
export function addDetails(error: ConnectError): void {
  if (error.details.length > 0) return;
  const reason = toReason(error);
  if (reason === undefined) return;
  error.details.push({
    desc: ErrorInfoSchema,
    // No call of these would come to anything else if it were tried again.
    value: { reason, domain: ERROR_DOMAIN, metadata: { retryable: "false" } },
  });
  if (reason === "UNSUPPORTED") return;
  const description = reason === "MESSAGE_TOO_LARGE" ? TOO_LARGE : shorten(error.rawMessage, DESCRIPTION_MAX);
  // A body that can't be read has no fields yet: the empty path stands for the request as a whole.
  error.details.push({ desc: BadRequestSchema, value: { fieldViolations: [{ field: "", description }] } });
}

function toReason({ code, rawMessage }: ConnectError): string | undefined {
  switch (code) {
    case Code.InvalidArgument:
      return "MALFORMED_REQUEST";
    case Code.ResourceExhausted:
      return "MESSAGE_TOO_LARGE";
    case Code.Unimplemented:
      return "UNSUPPORTED";
    case Code.Internal:
      // Protobuf that can't be read is the caller's, though gRPC's libraries have always called it internal.
      return rawMessage.startsWith("parse binary: ") ? "MALFORMED_REQUEST" : undefined;
    default:
      return undefined;
  }
}
