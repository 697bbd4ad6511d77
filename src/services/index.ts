import type { Config } from "../config.ts";
import { defineCallbacks } from "./callbacks.ts";
import { defineEdge } from "./edge.ts";
import { defineIntake } from "./intake.ts";
import { defineRoles } from "./roles.ts";
import { defineSegments } from "./segments.ts";
import { defineShared } from "./shared.ts";

/** The parts that roles share, for one process of the given settings. A test replaces what it wants to watch. */
export function defineServices(config: Config) {
  const shared = defineShared(config);
  const intake = defineIntake(config, shared);
  const callbacks = defineCallbacks(shared);
  return {
    ...shared,
    ...intake,
    ...callbacks,
    ...defineRoles(config, shared, intake),
    ...defineSegments(config, shared, intake),
    ...defineEdge(config, shared, intake, callbacks),
  };
}
