import { check, stringify, type IAsyncProperty, type IProperty, type RunDetails } from 'fast-check';

/** Runs of a property where nothing else is asked for: enough for every change, and quick. */
const DEFAULT_RUNS = 100;

/**
 * Checks a property with generated values. `FAST_CHECK_RUNS` multiplies the runs, for long tests.
 * `FAST_CHECK_SEED` and `FAST_CHECK_PATH` replay a failure, whose message has both.
 */
export async function checkProperty<T>(
  property: IProperty<T> | IAsyncProperty<T>,
  runs = DEFAULT_RUNS,
): Promise<void> {
  const { FAST_CHECK_RUNS: factor, FAST_CHECK_SEED: seed, FAST_CHECK_PATH: path } = process.env;
  const details = await check<T>(property as IAsyncProperty<T>, {
    numRuns: runs * Number(factor ?? 1),
    ...(seed !== undefined && { seed: Number(seed) }),
    ...(path !== undefined && { path }),
  });
  if (details.failed) throw new Error(describe(details), { cause: details.errorInstance });
}

function describe<T>(details: RunDetails<T>): string {
  const { seed, counterexamplePath, counterexample, numRuns, errorInstance } = details;
  const replay = `FAST_CHECK_SEED=${seed} FAST_CHECK_PATH=${counterexamplePath ?? ''}`;
  return [
    `The property fails after ${numRuns} runs. Replay it alone (-t) with ${replay}`,
    `Counterexample: ${stringify(counterexample)}`,
    String(errorInstance),
  ].join('\n');
}
