import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { SentBody } from '../../../lib/transport/sent-body.js';

const CHUNK = Buffer.from('a');

/** A body of chunks that the test gives one by one, and its watch with a limit of a second. */
function watched() {
  let give: (result: IteratorResult<Uint8Array>) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const next = jest.fn(
    () =>
      new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
        give = resolve;
        fail = reject;
      }),
  );
  const end = jest.fn(async () => ({ done: true as const, value: undefined }));
  const chunks = {
    next,
    return: end,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
  const body = new SentBody(chunks, 1_000);
  const onStalled = jest.fn();
  body.onStalled = onStalled;
  /** Asks for a chunk, and gives it at once. */
  const pass = async (result: IteratorResult<Uint8Array> = { done: false, value: CHUNK }) => {
    const asked = body.next();
    give(result);
    return asked;
  };
  return { body, onStalled, pass, end, next, fail: (error: Error) => fail(error) };
}

describe('SentBody', () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  it('passes chunks and the end on', async () => {
    const { pass } = watched();
    await expect(pass()).resolves.toEqual({ done: false, value: CHUNK });
    await expect(pass({ done: true, value: undefined })).resolves.toMatchObject({ done: true });
    expect(jest.getTimerCount()).toBe(0);
  });

  it('reports once a connection that keeps a chunk beyond the limit', async () => {
    const { pass, onStalled } = watched();
    await pass();
    jest.advanceTimersByTime(999);
    expect(onStalled).not.toHaveBeenCalled();
    jest.advanceTimersByTime(251);
    expect(onStalled).toHaveBeenCalledTimes(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('starts anew with each chunk', async () => {
    const { pass, onStalled } = watched();
    for (let count = 0; count < 5; count += 1) {
      await pass();
      jest.advanceTimersByTime(990);
    }
    expect(onStalled).not.toHaveBeenCalled();
  });

  it('does not count the wait for the source', async () => {
    const { pass, body, onStalled } = watched();
    await pass();
    void body.next();
    jest.advanceTimersByTime(60_000);
    expect(onStalled).not.toHaveBeenCalled();
  });

  it('has no timer after a failure of the source', async () => {
    const { pass, body, fail } = watched();
    await pass();
    const asked = body.next();
    fail(new Error('gone'));
    await expect(asked).rejects.toThrow('gone');
    expect(jest.getTimerCount()).toBe(0);
  });

  it('has no timer after its return, also when a chunk comes later', async () => {
    const { pass, body, end } = watched();
    await pass();
    await body.return();
    await pass();
    expect([jest.getTimerCount(), end.mock.calls.length]).toEqual([0, 1]);
  });

  it('ignores a failure of the end', async () => {
    const { body, end } = watched();
    end.mockRejectedValue(new Error('no') as never);
    await expect(body.return()).resolves.toEqual({ done: true, value: undefined });
  });
});
