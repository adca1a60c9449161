/** As many as most machines that run this have cores. */
const AT_ONCE = 2;

/** Runs checks, two at a time, and gives what came of each with its row and column. */
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
