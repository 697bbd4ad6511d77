/** Runs tasks a few at a time, those of one lane one after another and in order. A task that returns false ends its lane.
 *  @param options.isOver asked before each task: whether no more are to be begun. */
export async function inLanes<T>(
  items: readonly T[],
  options: {
    readonly laneOf: (item: T) => string;
    readonly lanesMax: number;
    readonly isOver: () => boolean;
    readonly run: (item: T) => Promise<boolean>;
  },
): Promise<void> {
  const lanes = [...Map.groupBy(items, options.laneOf).values()];
  const work = async () => {
    for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift())
      for (const item of lane) if (options.isOver() || !(await options.run(item))) break;
  };
  await Promise.all(Array.from({ length: options.lanesMax }, work));
}
