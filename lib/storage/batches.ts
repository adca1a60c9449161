import { BATCH_LIMIT } from '../wire/index.js';

/** How many calls for one list run at a time. */
const PARALLEL_CALLS = 8;

/**
 * Works through a list of any length in parts of at most 50, the API's limit, a few at a time; the results keep the
 * list's order.
 */
export async function inBatches<In, Out>(
  items: readonly In[],
  work: (batch: readonly In[]) => Promise<readonly Out[]>,
): Promise<readonly Out[]> {
  const batches: (readonly In[])[] = [];
  for (let start = 0; start < items.length; start += BATCH_LIMIT) {
    batches.push(items.slice(start, start + BATCH_LIMIT));
  }
  const results: (readonly Out[])[] = [];
  const queue = batches.entries();
  const workOff = async (): Promise<void> => {
    for (const [index, batch] of queue) results[index] = await work(batch);
  };
  await Promise.all(Array.from({ length: PARALLEL_CALLS }, workOff));
  return results.flat();
}
