import { Code, ConnectError } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { type Purchase, readCdnow } from "../../../bench/cdnow.ts";
import { ProfileService } from "../../../gen/data_intelligence/v1/profile_service_pb.js";
import { Faults } from "../faults/faults.ts";
import { type FaultyServer, type Place, serveWithFaults } from "../faults/serve-with-faults.ts";
import { type ProfileInit, toHistories, toProfile } from "./to-profile.ts";

export type ProfileServiceOptions = Place & {
  /** Whose customers are known, in the order of their dates. Default: all of CDNOW's. */
  readonly purchases?: Iterable<Purchase>;
  /** Default: none; `/faults` sets them in any case. */
  readonly faults?: Faults;
};

export type SandboxProfileService = FaultyServer & {
  readonly customerCount: number;
  /** How often it has answered well, and for how many users. */
  readonly counts: Readonly<{ calls: number; users: number }>;
};

const USERS_MAX = 1_000;

/** Serves `data_intelligence.v1.ProfileService` by Connect over HTTP/1.1, about CDNOW's customers by their ids (`00001` to `23570`).
 *  It answers for every workspace alike. */
export async function startProfileService(options: ProfileServiceOptions = {}): Promise<SandboxProfileService> {
  const histories = toHistories(options.purchases ?? (await readCdnow()));
  const counts = { calls: 0, users: 0 };
  const find = (userId: string): ProfileInit | undefined => {
    const history = histories.get(userId);
    return history === undefined ? undefined : toProfile(userId, history);
  };
  const handle = connectNodeAdapter({
    routes: (router) =>
      router.service(ProfileService, {
        getProfile({ userId }) {
          const profile = find(userId);
          if (profile === undefined) throw new ConnectError(`nobody has bought as "${userId}"`, Code.NotFound);
          counts.calls += 1;
          counts.users += 1;
          return { profile };
        },
        batchGetProfiles({ userIds }) {
          if (userIds.length === 0 || userIds.length > USERS_MAX)
            throw new ConnectError(
              `user_ids has ${userIds.length}; 1 to ${USERS_MAX} are allowed`,
              Code.InvalidArgument,
            );
          counts.calls += 1;
          counts.users += userIds.length;
          return { profiles: userIds.flatMap((userId) => find(userId) ?? []) };
        },
      }),
  });
  const server = await serveWithFaults(options, { "/faults": options.faults ?? new Faults() }, handle);
  return { ...server, customerCount: histories.size, counts };
}
