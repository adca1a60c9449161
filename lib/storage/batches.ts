import { BATCH_LIMIT } from '../wire/index.js';

/** How many calls for one list run at a time. */
const PARALLEL_CALLS = 8;

/**
 * Parts a list of any length into batches of at most 50, the API's limit. Items of one group never
 * share a batch, as the answer could not tell them apart.
 */
export function toBatches<Item>(
  items: readonly Item[],
  groupOf: (item: Item) => string,
): readonly (readonly Item[])[] {
  const lanes: Item[][] = [];
  const seen = new Map<string, number>();
  for (const item of items) {
    const group = groupOf(item);
    const lane = seen.get(group) ?? 0;
    seen.set(group, lane + 1);
    (lanes[lane] ??= []).push(item);
  }
  return lanes.flatMap(lane => slice(lane));
}

function slice<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  const count = Math.ceil(items.length / BATCH_LIMIT);
  return Array.from({ length: count }, (_, index) =>
    items.slice(index * BATCH_LIMIT, (index + 1) * BATCH_LIMIT),
  );
}

/** Works through batches in their order, a few at a time. */
export async function inBatches<Item>(
  batches: readonly (readonly Item[])[],
  work: (batch: readonly Item[]) => Promise<void>,
): Promise<void> {
  const queue = batches.values();
  const workOff = async (): Promise<void> => {
    for (const batch of queue) await work(batch);
  };
  await Promise.all(Array.from({ length: PARALLEL_CALLS }, workOff));
}
