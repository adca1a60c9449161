/** The number of concurrent checks, as many as most machines here have cores. */
const AT_ONCE = 2;

/** Runs checks, two at a time, and returns their results with row and column. */
export async function runAll(checks) {
  const waiting = [...checks];
  const results = [];
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { row, column, run } = next;
      results.push({ row, column, ...(await run()) });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}
