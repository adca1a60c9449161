import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { RequestBatcher } from '../../../lib/storage/batching.js';

type Request = (items: readonly string[], signal: AbortSignal) => Promise<readonly string[]>;

function gatherer(request: Request, windowMs = 0, busyWindowMs?: number) {
  const spy = jest.fn(request);
  const keyOf = (item: string): string => item;
  const parts = { windowMs, ...(busyWindowMs === undefined ? {} : { busyWindowMs }) };
  const gathered = new RequestBatcher({ ...parts, keyOf, groupOf: keyOf, request: spy });
  return { gathered, sizes: () => spy.mock.calls.map(([items]) => items.length), spy };
}

const response: Request = async items => items.map(item => `${item}!`);
const never = new AbortController().signal;
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `f${index}`);

describe('RequestBatcher with callers of one turn', () => {
  it('sends requests of up to 50 items, each caller gets its own result', async () => {
    const { gathered, sizes } = gatherer(response);
    const asked = names(120).map(async name => gathered.ask([name], never));
    expect((await Promise.all(asked)).flat()).toEqual(names(120).map(name => `${name}!`));
    expect(sizes()).toEqual([50, 50, 20]);
  });

  it('requests an item once for several callers', async () => {
    const { gathered, sizes } = gatherer(response);
    const lists = [gathered.ask(['a', 'b', 'a'], never), gathered.ask(['b'], never)];
    expect(await Promise.all(lists)).toEqual([['a!', 'b!', 'a!'], ['b!']]);
    expect(sizes()).toEqual([2]);
  });

  it('does not add callers of a later turn', async () => {
    const { gathered, sizes } = gatherer(response);
    await gathered.ask(['a'], never);
    await gathered.ask(['a'], never);
    expect(sizes()).toEqual([1, 1]);
  });
});

it('RequestBatcher gathers over several turns with a window', async () => {
  jest.useFakeTimers();
  try {
    const { gathered, sizes } = gatherer(response, 50);
    const first = gathered.ask(['a'], never);
    await jest.advanceTimersByTimeAsync(49);
    const second = gathered.ask(['b'], never);
    await jest.advanceTimersByTimeAsync(1);
    await Promise.all([first, second]);
    expect(sizes()).toEqual([2]);
  } finally {
    jest.useRealTimers();
  }
});

describe('RequestBatcher with two requests under way', () => {
  const LONG_MS = 60_000;

  /** Starts two requests; the returned functions end them. */
  async function busy(busyWindowMs: number) {
    const ends: (() => void)[] = [];
    const { gathered, sizes } = gatherer(
      items => new Promise(resolve => ends.push(() => resolve(items.map(item => `${item}!`)))),
      0,
      busyWindowMs,
    );
    const answers = [gathered.ask(['a'], never)];
    await nextTurn();
    answers.push(gathered.ask(['b'], never));
    await nextTurn();
    answers.push(gathered.ask(['c'], never));
    await nextTurn();
    answers.push(gathered.ask(['d'], never));
    await nextTurn();
    return { ends, sizes, answers };
  }

  it('gathers until one of them ends', async () => {
    const { ends, sizes, answers } = await busy(LONG_MS);
    expect(sizes()).toEqual([1, 1]);
    ends[1]?.();
    await answers[1];
    await nextTurn();
    expect(sizes()).toEqual([1, 1, 2]);
    for (const end of ends) end();
    expect((await Promise.all(answers)).flat()).toEqual(['a!', 'b!', 'c!', 'd!']);
  });

  it('gathers no longer than its window when neither ends', async () => {
    const { ends, sizes, answers } = await busy(5);
    await delay(30);
    expect(sizes()).toEqual([1, 1, 2]);
    for (const end of ends) end();
    await Promise.all(answers);
  });
});

it('RequestBatcher sends nothing for an empty list', async () => {
  const { gathered, spy } = gatherer(response);
  expect(await gathered.ask([], never)).toEqual([]);
  await nextTurn();
  expect(spy).not.toHaveBeenCalled();
});

describe('RequestBatcher with a transient result', () => {
  /** Number of `busy` results of every item before the final one. */
  function busy(times: Readonly<Record<string, number>>, attempts = 3) {
    const left = new Map(Object.entries(times));
    const pauses: number[] = [];
    const request = jest.fn(async (items: readonly string[]) =>
      items.map(item => {
        const count = left.get(item) ?? 0;
        left.set(item, count - 1);
        return count > 0 ? 'busy' : `${item}!`;
      }),
    );
    const gathered = new RequestBatcher<string, string>({
      windowMs: 0,
      keyOf: item => item,
      groupOf: item => item,
      request,
      repeats: {
        attempts,
        isTransient: result => result === 'busy',
        pause: async attempt => void pauses.push(attempt),
      },
    });
    return { gathered, pauses, asked: () => request.mock.calls.map(([items]) => items) };
  }

  it('requests only those items again, without delaying the others', async () => {
    const { gathered, pauses, asked } = busy({ b: 2 });
    const order: string[] = [];
    const lists = ['a', 'b', 'c'].map(async item => {
      const [result = ''] = await gathered.ask([item], never);
      order.push(result);
    });
    await Promise.all(lists);
    expect(order).toEqual(['a!', 'c!', 'b!']);
    expect(asked()).toEqual([['a', 'b', 'c'], ['b'], ['b']]);
    expect(pauses).toEqual([1, 2]);
  });

  it('returns the last result after the last try', async () => {
    const { gathered, asked } = busy({ a: 9 });
    expect(await gathered.ask(['a', 'b'], never)).toEqual(['busy', 'b!']);
    expect(asked()).toEqual([['a', 'b'], ['a'], ['a']]);
  });
});

it('RequestBatcher never puts two items of a group into one request', async () => {
  const request = jest.fn(response);
  const gathered = new RequestBatcher({
    windowMs: 0,
    keyOf: (item: string) => item,
    groupOf: item => item.toLowerCase(),
    request,
  });
  expect(await gathered.ask(['a', 'A', 'b'], never)).toEqual(['a!', 'A!', 'b!']);
  expect(request.mock.calls.map(([items]) => items)).toEqual([['a', 'b'], ['A']]);
});

describe('RequestBatcher with a caller that aborts', () => {
  it('leaves out a caller that aborts before the request', async () => {
    const { gathered, spy } = gatherer(response);
    const controller = new AbortController();
    const givenUp = gathered.ask(['a'], controller.signal);
    const other = gathered.ask(['b'], never);
    controller.abort(new Error('enough'));
    await expect(givenUp).rejects.toThrow('enough');
    expect(await other).toEqual(['b!']);
    expect(spy.mock.calls.map(([items]) => items)).toEqual([['b']]);
  });

  it('goes on for the others and aborts the request with the last caller', async () => {
    let ended: AbortSignal | undefined;
    const { gathered } = gatherer(async (_, signal) => {
      ended = signal;
      await new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
      return [];
    });
    const controllers = [new AbortController(), new AbortController()];
    const asked = controllers.map(({ signal }, index) => gathered.ask([`f${index}`], signal));
    await nextTurn();
    controllers[0]?.abort(new Error('first'));
    await expect(asked[0]).rejects.toThrow('first');
    expect(ended?.aborted).toBe(false);
    controllers[1]?.abort(new Error('second'));
    await expect(asked[1]).rejects.toThrow('second');
    expect(ended?.aborted).toBe(true);
  });

  it('sends nothing for an aborted signal', async () => {
    const { gathered, spy } = gatherer(response);
    await expect(gathered.ask(['a'], AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
    await nextTurn();
    expect(spy).not.toHaveBeenCalled();
  });
});
