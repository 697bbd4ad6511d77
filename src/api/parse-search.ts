import { toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { ContactChannel } from "../../gen/intervention/v1/profile_pb.js";
import type { SearchRequest } from "../../gen/intervention/v1/profile_service_pb.js";
import { InvalidInput } from "../domain/errors.ts";
import { toAddressSearchKey, toAttributeSearchKey } from "../domain/profile/to-profile.ts";
import { email, phone } from "./address-checks.ts";
import { type Check, show, text } from "./field-checks.ts";

/** What a search looks by, as the store knows it. */
export type SearchBy = { readonly prefix: string } | { readonly searchKey: string };

/** @throws InvalidInput when it is no address, or an attribute that is not indexed. */
export function parseSearch(by: SearchRequest["by"], indexedAttributes: readonly string[]): SearchBy {
  switch (by.case) {
    case undefined:
      return { prefix: "" };
    case "userIdPrefix":
      requireField("user_id_prefix", by.value, text({ min: 1, max: 128 }));
      return { prefix: by.value };
    case "email":
      requireField("email", by.value, email);
      return { searchKey: toAddressSearchKey(ContactChannel.EMAIL, by.value) ?? "" };
    case "phone":
      requireField("phone", by.value, phone);
      return { searchKey: toAddressSearchKey(ContactChannel.SMS, by.value) ?? "" };
    case "attribute": {
      const { name, value } = by.value;
      requireField("attribute.name", name, (one) =>
        indexedAttributes.includes(one)
          ? undefined
          : `${show(one)} is not one of PROFILE_INDEXED_ATTRIBUTES: ${indexedAttributes.join(", ") || "there are none"}`,
      );
      const searchKey = toAttributeSearchKey(name, value === undefined ? undefined : toJson(ValueSchema, value));
      if (searchKey !== undefined) return { searchKey };
      const description = "it is not a string of up to 256 characters, a number or a boolean";
      throw new InvalidInput([{ field: "attribute.value", description }]);
    }
  }
}

function requireField(field: string, value: string, check: Check<string>): void {
  const description = check(value);
  if (description !== undefined) throw new InvalidInput([{ field, description }]);
}
