import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { RequestBatcher } from '../../../lib/storage/batching.js';

type Request = (items: readonly string[], signal: AbortSignal) => Promise<readonly string[]>;

function gatherer(request: Request, windowMs = 0) {
  const spy = jest.fn(request);
  const keyOf = (item: string): string => item;
  const gathered = new RequestBatcher({ windowMs, keyOf, groupOf: keyOf, request: spy });
  return { gathered, sizes: () => spy.mock.calls.map(([items]) => items.length), spy };
}

const answer: Request = async items => items.map(item => `${item}!`);
const never = new AbortController().signal;
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `f${index}`);

describe('callers of one turn', () => {
  it('share requests of up to 50 items, and each gets its own result', async () => {
    const { gathered, sizes } = gatherer(answer);
    const asked = names(120).map(async name => gathered.ask([name], never));
    expect((await Promise.all(asked)).flat()).toEqual(names(120).map(name => `${name}!`));
    expect(sizes()).toEqual([50, 50, 20]);
  });

  it('ask once for what several of them want', async () => {
    const { gathered, sizes } = gatherer(answer);
    const lists = [gathered.ask(['a', 'b', 'a'], never), gathered.ask(['b'], never)];
    expect(await Promise.all(lists)).toEqual([['a!', 'b!', 'a!'], ['b!']]);
    expect(sizes()).toEqual([2]);
  });

  it('do not share with those of a later turn', async () => {
    const { gathered, sizes } = gatherer(answer);
    await gathered.ask(['a'], never);
    await gathered.ask(['a'], never);
    expect(sizes()).toEqual([1, 1]);
  });
});

it('a window gathers over several turns', async () => {
  const { gathered, sizes } = gatherer(answer, 50);
  const first = gathered.ask(['a'], never);
  await delay(5);
  await Promise.all([first, gathered.ask(['b'], never)]);
  expect(sizes()).toEqual([2]);
});

it('an empty list asks for nothing', async () => {
  const { gathered, spy } = gatherer(answer);
  expect(await gathered.ask([], never)).toEqual([]);
  await nextTurn();
  expect(spy).not.toHaveBeenCalled();
});

describe('items whose result may pass', () => {
  /** Every item is `busy` so often before it is answered. */
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

  it('alone are asked for again, and the others need not wait for them', async () => {
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

  it('are given as they are after the last try', async () => {
    const { gathered, asked } = busy({ a: 9 });
    expect(await gathered.ask(['a', 'b'], never)).toEqual(['busy', 'b!']);
    expect(asked()).toEqual([['a', 'b'], ['a'], ['a']]);
  });
});

it('items of one group are not asked for together', async () => {
  const request = jest.fn(answer);
  const gathered = new RequestBatcher({
    windowMs: 0,
    keyOf: (item: string) => item,
    groupOf: item => item.toLowerCase(),
    request,
  });
  expect(await gathered.ask(['a', 'A', 'b'], never)).toEqual(['a!', 'A!', 'b!']);
  expect(request.mock.calls.map(([items]) => items)).toEqual([['a', 'b'], ['A']]);
});

describe('a caller who gives up', () => {
  it('before the request is not part of it', async () => {
    const { gathered, spy } = gatherer(answer);
    const controller = new AbortController();
    const givenUp = gathered.ask(['a'], controller.signal);
    const other = gathered.ask(['b'], never);
    controller.abort(new Error('enough'));
    await expect(givenUp).rejects.toThrow('enough');
    expect(await other).toEqual(['b!']);
    expect(spy.mock.calls.map(([items]) => items)).toEqual([['b']]);
  });

  it('during the request leaves the others alone, and the last one ends it', async () => {
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

  it('beforehand asks for nothing', async () => {
    const { gathered, spy } = gatherer(answer);
    await expect(gathered.ask(['a'], AbortSignal.abort(new Error('no')))).rejects.toThrow('no');
    await nextTurn();
    expect(spy).not.toHaveBeenCalled();
  });
});
