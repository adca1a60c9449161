import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ConfirmedFiles } from '../../../lib/storage/upload-tickets.js';

const START_MS = Date.UTC(2026, 0, 1);
const MINUTE_MS = 60_000;

let clock: jest.SpiedFunction<typeof Date.now>;
const setMinute = (minute: number): void =>
  void clock.mockReturnValue(START_MS + minute * MINUTE_MS);
const idOf = (name: string, bucket = 'bucket'): string => `cloud://env.${bucket}/${name}`;
const until = (minute: number): number => START_MS + minute * MINUTE_MS;

beforeEach(() => {
  clock = jest.spyOn(Date, 'now');
  setMinute(0);
});
afterEach(() => {
  clock.mockRestore();
});

describe('ConfirmedFiles', () => {
  it('remembers a file until the later of its times', () => {
    const files = new ConfirmedFiles();
    files.add(idOf('a'), until(30));
    files.add(idOf('a'), until(20));
    setMinute(29);
    expect([files.has(idOf('a')), files.has(idOf('b'))]).toEqual([true, false]);
    setMinute(30);
    expect(files.has(idOf('a'))).toBe(false);
  });

  it('treats every file as confirmed while it is full', () => {
    const files = new ConfirmedFiles(2);
    for (const [name, minute] of [
      ['a', 10],
      ['b', 20],
      ['c', 40],
    ] as const)
      files.add(idOf(name), until(minute));
    expect(['a', 'b', 'c', 'd'].map(name => files.has(idOf(name)))).toEqual([
      true,
      true,
      true,
      true,
    ]);
    setMinute(39);
    expect(files.has(idOf('d'))).toBe(true);
    setMinute(40);
    expect(['a', 'b', 'c', 'd'].map(name => files.has(idOf(name)))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  it('has room again once entries expire', () => {
    const files = new ConfirmedFiles(2);
    files.add(idOf('a'), until(10));
    files.add(idOf('b'), until(20));
    setMinute(10);
    files.add(idOf('c'), until(30));
    expect(['a', 'b', 'c', 'd'].map(name => files.has(idOf(name)))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  it('treats no file of other buckets as confirmed while one is full', () => {
    const files = new ConfirmedFiles(4, 2);
    for (const name of ['a', 'b', 'c', 'c']) files.add(idOf(name), until(40));
    files.add(idOf('a', 'other'), until(40));
    const named = (bucket: string): boolean[] =>
      ['a', 'd'].map(name => files.has(idOf(name, bucket)));
    expect(named('bucket')).toEqual([true, true]);
    expect(named('other')).toEqual([true, false]);
    setMinute(40);
    files.add(idOf('a'), until(50));
    files.add(idOf('b'), until(50));
    expect(named('bucket')).toEqual([true, false]);
  });

  it('has the space of all buckets together', () => {
    const files = new ConfirmedFiles(4, 2);
    for (const bucket of ['one', 'two', 'three']) {
      for (const name of ['a', 'b']) files.add(idOf(name, bucket), until(40));
    }
    const guesses = ['one', 'two', 'three', 'four'].map(bucket => files.has(idOf('c', bucket)));
    expect(guesses).toEqual([false, false, true, false]);
    setMinute(40);
    files.add(idOf('a', 'four'), until(50));
    expect(files.has(idOf('b', 'four'))).toBe(false);
  });

  it('serialises the operations on one file, not on two', async () => {
    const files = new ConfirmedFiles();
    const { signal } = new AbortController();
    const events: string[] = [];
    const work = (name: string, file: string): Promise<unknown> =>
      files.inTurn(file, signal, async () => {
        events.push(`${name} begins`);
        await Promise.resolve();
        events.push(`${name} ends`);
      });
    await Promise.all([work('first', 'a'), work('second', 'a'), work('other', 'b')]);
    expect(events.slice(0, 2)).toEqual(['first begins', 'other begins']);
    expect(events.slice(2)).toContain('first ends');
    expect(events.indexOf('second begins')).toBeGreaterThan(events.indexOf('first ends'));
  });

  it('has a late caller wait for the one before it, not only for the first', async () => {
    const files = new ConfirmedFiles();
    const { signal } = new AbortController();
    let endSecond = (): void => {};
    const first = files.inTurn('a', signal, async () => 'first');
    const second = files.inTurn('a', signal, () => new Promise<void>(end => (endSecond = end)));
    await first;
    await nextTurn();
    const work = jest.fn(async () => 'third');
    const third = files.inTurn('a', signal, work);
    await nextTurn();
    expect(work).not.toHaveBeenCalled();
    endSecond();
    await second;
    await expect(third).resolves.toBe('third');
  });

  it('goes on after a failed and after an aborted operation', async () => {
    const files = new ConfirmedFiles();
    const patient = new AbortController();
    const impatient = new AbortController();
    let fail: (reason: Error) => void = () => {};
    const failing = new Promise<never>((_, reject) => (fail = reject));
    const first = files.inTurn('a', patient.signal, () => failing);
    const second = files.inTurn('a', impatient.signal, async () => 'never');
    const third = files.inTurn('a', patient.signal, async () => 'third');
    impatient.abort(new Error('no more time'));
    await expect(second).rejects.toThrow('no more time');
    fail(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    await expect(third).resolves.toBe('third');
  });
});
