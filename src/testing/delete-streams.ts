import { type Bus, STREAM_NAMES } from "../bus/index.ts";

/** Takes away what a test has made on the servers that it shares with others. */
export async function deleteStreams({ jsm, subjects }: Pick<Bus, "jsm" | "subjects">): Promise<void> {
  for (const name of STREAM_NAMES) await jsm.streams.delete(subjects.stream(name));
}
