import { inspect } from 'node:util';

/** The error that a promise rejects with; fails when it does not reject. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error('expected a rejection');
    },
    (error: unknown) => error as Error,
  );
}

/** The error that a function throws; fails when it does not throw. */
export function thrownBy(act: () => unknown): Error {
  let result: unknown;
  try {
    result = act();
  } catch (error) {
    return error as Error;
  }
  throw new Error(`expected a throw, got ${inspect(result)}`);
}

/** Everything that a log, an inspection or a serialisation could show of a value. */
export function everythingShownBy(value: unknown): string {
  const stack = value instanceof Error ? value.stack : '';
  return [
    inspect(value, { depth: Infinity, showHidden: true }),
    JSON.stringify(value),
    String(value),
    stack,
  ].join('\n');
}
