/**
 * One sentence out of what npm or pip printed: what went wrong, and the way out. The order matters: a full disk also
 * shows up as a failed download, and a refused hash is more worth knowing than anything else.
 *
 * @param {{ tool: "npm" | "pip", output: string, folder: string, wayOut: string }} failure
 *   `wayOut` is what helps besides repairing the cause, such as servers of one's own; may be "".
 * @returns {string}
 */
export function explainFailure({ tool, output, folder, wayOut }) {
  const found = causes.find(({ pattern }) => pattern.test(output));
  const sentence = found ? found.sentence({ tool, folder }) : `${tool} failed (${lastWords(output)})`;
  return `${sentence}${wayOut === "" ? "" : `; ${wayOut}`}.`;
}

const causes = [
  {
    pattern: /EINTEGRITY|DO NOT MATCH THE HASHES|Hashes are required/,
    sentence: ({ tool }) =>
      `what ${tool} downloaded does not have the pinned hash, so it was not installed: check the registry or proxy that ${tool} is set to use`,
  },
  {
    pattern: /ENOSPC|No space left on device/i,
    sentence: ({ folder }) => `the disk is full: make 1 GB free for ${folder} and try again`,
  },
  {
    pattern: /EROFS|Read-only file system|EACCES|Permission denied/i,
    sentence: ({ folder }) => `${folder} cannot be written: make it writable, or use a clone in a folder of your own`,
  },
  {
    pattern: /No module named pip/,
    sentence: () => "Python 3 is here but its pip is not: install it (Debian: apt-get install python3-pip)",
  },
  {
    pattern:
      /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH|Failed to establish a new connection|Temporary failure in name resolution|Max retries exceeded|Read timed out|ProxyError|SSLError/,
    sentence: ({ tool }) =>
      `${tool}'s registry cannot be reached: check the network, or the registry and proxy that ${tool} is set to use`,
  },
  {
    pattern: /E404|ETARGET|No matching distribution found|404 Not Found/,
    sentence: ({ tool }) =>
      `${tool}'s registry does not have a pinned package: check which registry ${tool} is set to use`,
  },
  {
    pattern: /npm ci` can only install|EUSAGE/,
    sentence: () =>
      "package.json and package-lock.json do not agree: run `npm install --package-lock-only` and look at the difference",
  },
];

function lastWords(output) {
  const lines = output.split("\n").filter((line) => line.trim() !== "");
  return lines.slice(-2).join(" ").trim().slice(-300) || "it said nothing";
}
