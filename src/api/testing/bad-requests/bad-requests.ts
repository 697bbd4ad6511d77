import type { BadRequest } from "./bad-request.ts";
import { CAMPAIGNS_REQUESTS } from "./campaigns.ts";
import { CONTENTS_REQUESTS } from "./contents.ts";
import { DELIVERY_REQUESTS } from "./delivery.ts";
import { OPERATIONS_REQUESTS } from "./operations.ts";
import { PEOPLE_REQUESTS } from "./people.ts";

/** Of each method, by what its service is about. Answers inside an answer, as those of a batch, are not looked at here. */
export const BAD_REQUESTS: Readonly<Record<string, readonly BadRequest[]>> = {
  ...DELIVERY_REQUESTS,
  ...CAMPAIGNS_REQUESTS,
  ...CONTENTS_REQUESTS,
  ...PEOPLE_REQUESTS,
  ...OPERATIONS_REQUESTS,
};
