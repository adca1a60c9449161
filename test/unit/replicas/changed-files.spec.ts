import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ChangedFiles } from '../../../lib/replicas/changed-files.js';

type Changed = readonly string[] | 'all';

let sent: Changed[];
let respond: (isSent: boolean) => void;
let changes: ChangedFiles;

beforeEach(() => {
  jest.useFakeTimers();
  sent = [];
  changes = new ChangedFiles(changed => {
    sent.push(changed);
    return new Promise(resolve => (respond = resolve));
  });
});
afterEach(() => void jest.useRealTimers());

const answer = async (isSent: boolean): Promise<void> => {
  respond(isSent);
  await jest.advanceTimersByTimeAsync(0);
};
const pass = (ms: number): Promise<void> => jest.advanceTimersByTimeAsync(ms);
const names = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, index) => `cloud://env.bucket/${from + index}`);

describe('ChangedFiles', () => {
  it('sends at once', () => {
    changes.add(['a']);
    expect(sent).toEqual([['a']]);
  });

  it('gathers what comes while a message is on its way, each file once', async () => {
    changes.add(['a']);
    for (const name of ['b', 'c', 'b']) changes.add([name]);
    expect(sent).toHaveLength(1);
    await answer(true);
    expect(sent.slice(1)).toEqual([['b', 'c']]);
  });

  it('splits at 500 files, and at 64 Ki characters', async () => {
    changes.add(names(1_200));
    await answer(true);
    await answer(true);
    await answer(true);
    expect(sent.map(({ length }) => length)).toEqual([500, 500, 200]);
    changes.add([`a${'x'.repeat(40_000)}`, `b${'x'.repeat(40_000)}`, 'c'.repeat(90_000)]);
    await answer(true);
    await answer(true);
    expect(sent.slice(3).map(({ length }) => length)).toEqual([1, 1, 1]);
  });

  it('sends again what was not sent, at growing intervals, and then the rest', async () => {
    changes.add(['a']);
    await answer(false);
    changes.add(['b']);
    await pass(999);
    expect(sent).toHaveLength(1);
    await pass(1);
    expect(sent.at(-1)).toEqual(expect.arrayContaining(['a', 'b']));
    await answer(false);
    await pass(1_999);
    expect(sent).toHaveLength(2);
    await pass(1);
    await answer(true);
    changes.add(['c']);
    expect(sent.at(-1)).toEqual(['c']);
  });

  it('goes on when the channel does not respond', async () => {
    changes.add(['a']);
    await pass(5_000 + 1_000);
    expect(sent).toEqual([['a'], ['a']]);
  });

  it('says that all have changed when too many wait', async () => {
    changes.add(['a']);
    await answer(false);
    changes.add(names(20_000));
    changes.add(['b']);
    await pass(1_000);
    expect(sent.at(-1)).toBe('all');
    await answer(false);
    await pass(2_000);
    expect(sent.at(-1)).toBe('all');
    await answer(true);
    await pass(60_000);
    expect(sent).toHaveLength(3);
  });

  it('tries once more when it closes, and leaves no timer', async () => {
    changes.add(['a']);
    await answer(false);
    const closing = changes.close();
    await answer(false);
    await closing;
    expect(sent).toEqual([['a'], ['a']]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
