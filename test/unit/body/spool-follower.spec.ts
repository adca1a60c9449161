import { describe, expect, it, jest } from '@jest/globals';
import { MemoryBudget, startMemoryUse } from '../../../lib/body/memory-budget.js';
import { SpoolFollower } from '../../../lib/body/spool-follower.js';

const NO_MORE = { done: true, value: undefined };

/** A spool that keeps chunks as the test, or its follower, lets them come. */
function setUp({ isOnDisk = false } = {}) {
  const use = startMemoryUse();
  const budget = new MemoryBudget(1_000, use);
  const coming: string[] = [];
  let kept = Buffer.alloc(0);
  let hasEnded = false;
  const take = (): Buffer | undefined => {
    const next = coming.shift();
    hasEnded ||= next === undefined;
    const chunk = next === undefined ? undefined : Buffer.from(next);
    kept = Buffer.concat([kept, chunk ?? Buffer.alloc(0)]);
    return chunk;
  };
  const spool = {
    size: () => kept.byteLength,
    hasEnded: () => hasEnded,
    isOnDisk: () => isOnDisk,
    begin: jest.fn(async () => {}),
    takeNext: jest.fn(async () => take()),
    readKept: jest.fn(async function* (position: number) {
      yield* [kept.subarray(position)];
      return undefined;
    }),
    end: jest.fn(),
  };
  const follower = new SpoolFollower(spool, budget);
  const readAll = async (): Promise<readonly string[]> => {
    const found: string[] = [];
    for await (const chunk of follower) found.push(Buffer.from(chunk).toString());
    return found;
  };
  return { follower, spool, coming, take, readAll, use };
}

describe('SpoolFollower', () => {
  it('reads what is kept, then each chunk as it comes', async () => {
    const { coming, take, readAll, spool } = setUp();
    coming.push('ab', 'cd', 'e', 'fgh');
    take();
    take();
    await expect(readAll()).resolves.toEqual(['abcd', 'e', 'fgh']);
    expect(spool.begin).toHaveBeenCalledTimes(1);
  });

  it('ends at once with an empty spool that has ended', async () => {
    const { take, readAll } = setUp();
    take();
    await expect(readAll()).resolves.toEqual([]);
  });

  it('reads a spool that ended before it was followed', async () => {
    const { coming, take, readAll, spool } = setUp();
    coming.push('ab');
    take();
    take();
    await expect(readAll()).resolves.toEqual(['ab']);
    expect(spool.takeNext).not.toHaveBeenCalled();
  });

  it('reads from the spool what was kept for another reader meanwhile', async () => {
    const { coming, take, readAll, spool } = setUp();
    coming.push('ab', 'cd', 'ef');
    spool.takeNext.mockImplementationOnce(async () => {
      const chunk = take();
      take();
      return chunk;
    });
    await expect(readAll()).resolves.toEqual(['abcd', 'ef']);
  });

  it('passes over empty chunks', async () => {
    const { coming, readAll } = setUp();
    coming.push('', 'ab', '', 'c');
    await expect(readAll()).resolves.toEqual(['ab', 'c']);
  });

  it.each([
    [true, 2],
    [false, 0],
  ])('counts the chunk that a connection holds, on disk: %p', async (isOnDisk, bytes) => {
    const { coming, follower, use } = setUp({ isOnDisk });
    coming.push('ab', 'cd');
    await follower.next();
    expect(use.usedBytes).toBe(bytes);
    await follower.next();
    expect(use.usedBytes).toBe(bytes);
    await follower.next();
    expect(use.usedBytes).toBe(0);
  });

  it('reads nothing more once it was returned, and releases what it holds', async () => {
    const { coming, follower, spool, use } = setUp({ isOnDisk: true });
    coming.push('ab', 'cd');
    await follower.next();
    await follower.return();
    await follower.return();
    expect([spool.end.mock.calls.length, use.usedBytes]).toEqual([1, 0]);
    await expect(follower.next()).resolves.toEqual(NO_MORE);
    expect(coming).toEqual(['cd']);
  });

  it('ends the reading of what is kept when it is returned', async () => {
    const { coming, take, follower, spool } = setUp();
    const ended = jest.fn();
    spool.readKept.mockImplementation(async function* () {
      try {
        yield Buffer.from('a');
        yield Buffer.from('b');
      } finally {
        ended();
      }
      return undefined;
    });
    coming.push('ab');
    take();
    await follower.next();
    await follower.return();
    expect(ended).toHaveBeenCalledTimes(1);
  });

  it('rejects with the failure of the spool', async () => {
    const { follower, spool } = setUp();
    spool.takeNext.mockRejectedValue(new Error('full'));
    await expect(follower.next()).rejects.toThrow('full');
  });

  it('begins once, also where that takes a while', async () => {
    const { follower, spool, coming } = setUp();
    coming.push('ab');
    let begin: () => void = () => {};
    spool.begin.mockReturnValue(new Promise<void>(resolve => (begin = resolve)));
    const first = follower.next();
    expect(spool.takeNext).not.toHaveBeenCalled();
    begin();
    await expect(first).resolves.toMatchObject({ value: Buffer.from('ab') });
    await expect(follower.next()).resolves.toEqual(NO_MORE);
    expect(spool.begin).toHaveBeenCalledTimes(1);
  });
});
