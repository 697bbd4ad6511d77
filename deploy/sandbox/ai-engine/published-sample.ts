import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

/** The last day of the 39 weeks that the published fit was made on. */
export const CALIBRATION_END = "1997-09-30";

/** The ids of the 2,357 customers, a tenth of CDNOW's, that the published fit was made on: see the README beside. */
export async function readPublishedSample(): Promise<ReadonlySet<string>> {
  const packed = await readFile(new URL("./published-sample.txt.gz", import.meta.url));
  return new Set((await promisify(gunzip)(packed)).toString("latin1").trimEnd().split("\n"));
}
