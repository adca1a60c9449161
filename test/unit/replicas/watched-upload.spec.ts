import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { UploadNews } from '../../../lib/replicas/replica-messages.js';
import { WatchedUpload } from '../../../lib/replicas/watched-upload.js';

let progress: jest.Mock<(state: object) => void>;
let end: jest.Mock<(outcome: string) => void>;
let ask: jest.Mock<() => void>;
let watched: WatchedUpload;

beforeEach(() => {
  jest.useFakeTimers();
  [progress, end, ask] = [jest.fn(), jest.fn(), jest.fn()];
  watched = new WatchedUpload('self', { progress, end }, ask);
});
afterEach(() => void jest.useRealTimers());

const at = (transferredBytes: number, index = 0) => ({
  index,
  fieldname: 'video',
  transferredBytes,
  totalBytes: 1_000,
});
const take = (members: Partial<UploadNews>): void =>
  watched.take({
    from: 'other',
    run: 'run',
    turn: 1,
    files: [at(1)],
    outcome: undefined,
    to: undefined,
    ...members,
  });

describe('WatchedUpload', () => {
  it('passes on progress and the end', () => {
    take({});
    take({ turn: 2, files: [at(2)], outcome: 'stored' });
    expect(progress.mock.calls).toEqual([[at(1)], [at(2)]]);
    expect(end.mock.calls).toEqual([['stored']]);
  });

  it('passes on what is repeated only where it has changed', () => {
    take({ files: [at(1, 0), at(1, 1)] });
    take({ turn: 2, files: [at(1, 0), at(2, 1)] });
    expect(progress.mock.calls).toEqual([[at(1, 0)], [at(1, 1)], [at(2, 1)]]);
    expect(watched.files).toEqual([at(1, 0), at(2, 1)]);
  });

  it('passes on an upload that begins again', () => {
    take({ files: [at(500)] });
    take({ turn: 2, files: [at(0)] });
    expect(progress).toHaveBeenLastCalledWith(at(0));
  });

  it.each<Partial<UploadNews>>([{ from: 'self' }, { to: 'another' }, { turn: 0 }])(
    'ignores a message with %j',
    members => {
      take({ ...members, outcome: 'failed' });
      expect(progress).not.toHaveBeenCalled();
      expect(end).not.toHaveBeenCalled();
    },
  );

  it('takes a message for itself', () => {
    take({ to: 'self', outcome: 'failed' });
    expect(end.mock.calls).toEqual([['failed']]);
  });

  it('ignores a message that an earlier one has overtaken', () => {
    take({ turn: 5, files: [at(5)] });
    take({ turn: 4, files: [at(4)] });
    expect(watched.files).toEqual([at(5)]);
  });

  it('asks after ten seconds of silence, until it is stopped', () => {
    jest.advanceTimersByTime(60_000);
    expect(ask).not.toHaveBeenCalled();
    take({});
    jest.advanceTimersByTime(9_000);
    take({ turn: 2 });
    jest.advanceTimersByTime(9_999);
    expect(ask).not.toHaveBeenCalled();
    jest.advanceTimersByTime(10_001);
    expect(ask).toHaveBeenCalledTimes(2);
    watched.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('keeps a bounded number of requests and files', () => {
    for (let run = 0; run < 100; run += 1) {
      const files = Array.from({ length: 50 }, (_, index) => at(1, index));
      take({ run: `run-${run}`, files });
    }
    expect(watched.files).toHaveLength(4 * 50);
    const name = 'x'.repeat(1_000);
    for (let turn = 2; turn < 100; turn += 1) {
      take({ run: 'run-99', turn, files: [{ ...at(1, turn + 100), fieldname: name }] });
    }
    const characters = watched.files.reduce((sum, { fieldname }) => sum + fieldname.length, 0);
    expect(characters).toBeLessThan(70_000);
  });
});
