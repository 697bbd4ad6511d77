/** What the processes' metrics add up to. */
export type Scrape = {
  /** The sum of a metric's samples that have all of these labels, over all processes; 0 when there is none. */
  sum(name: string, labels?: Readonly<Record<string, string>>): number;
};

const sampleLine = /^([a-z_]+)(?:\{([^}]*)\})? (\S+)$/;
const label = /([a-z_]+)="([^"]*)"/g;

/** Reads `/metrics` of every process, as a monitoring system would. */
export async function scrapeMetrics(urls: readonly string[]): Promise<Scrape> {
  const texts = await Promise.all(urls.map(async (url) => (await fetch(`${url}/metrics`)).text()));
  const samples = texts.flatMap((text) =>
    text.split("\n").flatMap((line) => {
      const [, name, labels = "", value] = sampleLine.exec(line) ?? [];
      if (name === undefined) return [];
      return [
        { name, labels: new Map([...labels.matchAll(label)].map(([, key, of]) => [key, of])), value: Number(value) },
      ];
    }),
  );
  return {
    sum: (name, labels = {}) =>
      samples
        .filter((one) => one.name === name && Object.entries(labels).every(([key, of]) => one.labels.get(key) === of))
        .reduce((sum, { value }) => sum + value, 0),
  };
}
