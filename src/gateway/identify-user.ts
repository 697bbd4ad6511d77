import type { AccessDirectory, UserCaller } from "../integrations/access-directory.ts";

/** What a request at the edge says of its user. */
export type UserRequest = {
  /** Empty when there is none. */
  readonly token: string;
  readonly path: string;
  /** Empty when there is none of the name. */
  readonly header: (name: string) => string;
};

export type IdentifyUser = (request: UserRequest) => UserCaller | undefined;

/** Whose request it is: an API gateway's proven word comes first, then the token. A word that is not proven is nobody's, whatever
 *  token comes with it. */
export function identifyUserBy(access: Pick<AccessDirectory, "findForwarded" | "findUser">): IdentifyUser {
  return ({ token, path, header }) => {
    const forwarded = access.findForwarded({ path, header });
    if (forwarded === "absent") return access.findUser(token);
    return forwarded !== "refused" && forwarded.kind === "user" ? forwarded : undefined;
  };
}
