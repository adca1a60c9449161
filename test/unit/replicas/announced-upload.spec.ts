import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { AnnouncedUpload } from '../../../lib/replicas/announced-upload.js';
import { MOST_FILES, type UploadNews } from '../../../lib/replicas/replica-messages.js';

type Said = Pick<UploadNews, 'files' | 'outcome' | 'to' | 'turn'>;

let said: Said[];
let upload: AnnouncedUpload;

beforeEach(() => {
  jest.useFakeTimers();
  said = [];
  upload = new AnnouncedUpload(message => said.push(message));
});
afterEach(() => void jest.useRealTimers());

const at = (transferredBytes: number, index = 0) => ({
  index,
  fieldname: 'video',
  transferredBytes,
  totalBytes: 1_000,
});
const pass = (ms: number): void => void jest.advanceTimersByTime(ms);

describe('AnnouncedUpload', () => {
  it('says nothing before there is progress', () => {
    pass(60_000);
    expect(said).toEqual([]);
  });

  it('says the first progress at once, and the latest of a quarter of a second', () => {
    for (let bytes = 0; bytes < 100; bytes += 10) upload.report(at(bytes));
    expect(said).toEqual([{ turn: 1, files: [at(0)], outcome: undefined, to: undefined }]);
    pass(250);
    expect(said.slice(1)).toEqual([
      { turn: 2, files: [at(90)], outcome: undefined, to: undefined },
    ]);
  });

  it('sends at most five messages in any second, the end included', () => {
    const times: number[] = [];
    const busy = new AnnouncedUpload(() => times.push(performance.now()));
    for (let step = 0; step < 999; step += 1) {
      busy.report(at(step));
      pass(3);
    }
    busy.end('stored');
    // The sixth of any six messages comes a second after the first, or later.
    const spans = times.slice(5).map((time, index) => time - Number(times[index]));
    expect(Math.min(...spans, Infinity)).toBeGreaterThanOrEqual(1_000);
    expect(times.length).toBeGreaterThan(10);
  });

  it('says only what has changed, of every file', () => {
    upload.report(at(0, 0));
    upload.report(at(5, 1));
    pass(250);
    upload.report(at(7, 1));
    pass(250);
    expect(said.map(({ files }) => files)).toEqual([[at(0, 0)], [at(5, 1)], [at(7, 1)]]);
  });

  it('says the last progress with the end, however soon it comes', () => {
    upload.report(at(0));
    upload.report(at(1_000));
    upload.end('stored');
    pass(60_000);
    expect(said.slice(1)).toEqual([
      { turn: 2, files: [at(1_000)], outcome: 'stored', to: undefined },
    ]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('says all files again after five seconds without changes', () => {
    upload.report(at(5, 0));
    upload.report(at(6, 1));
    pass(250);
    pass(5_000);
    expect(said.at(-1)?.files).toEqual([at(5, 0), at(6, 1)]);
    pass(5_000);
    expect(said).toHaveLength(4);
  });

  it('says all files again for who asks, within the limit', () => {
    upload.report(at(5, 0));
    upload.report(at(6, 1));
    for (let asker = 0; asker < 100; asker += 1) upload.repeat('asker');
    pass(250);
    expect(said.slice(1)).toEqual([
      { turn: 2, files: [at(6, 1), at(5, 0)], outcome: undefined, to: undefined },
    ]);
  });

  it('says the end again to who asks after it, and to nobody else', () => {
    upload.report(at(5));
    upload.end('failed');
    upload.repeat('asker');
    expect(said.at(-1)).toEqual({ turn: 3, files: [at(5)], outcome: 'failed', to: 'asker' });
  });

  it('is silent after its end', () => {
    upload.report(at(5));
    upload.end('stored');
    upload.report(at(6));
    upload.end('failed');
    pass(60_000);
    expect(said).toHaveLength(2);
  });

  it('splits many files, and says the end last', () => {
    for (let index = 0; index < 120; index += 1) upload.report(at(1, index));
    upload.end('stored');
    expect(said.every(({ files }) => files.length <= MOST_FILES)).toBe(true);
    expect(said.map(({ outcome }) => outcome)).toEqual([undefined, undefined, undefined, 'stored']);
    expect(said.map(({ turn }) => turn)).toEqual([1, 2, 3, 4]);
  });

  it('keeps little of an upload that has ended', () => {
    const name = 'x'.repeat(1_000);
    for (let index = 0; index < 500; index += 1)
      upload.report({ ...at(1, index), fieldname: name });
    upload.end('stored');
    said.length = 0;
    upload.repeat('asker');
    expect(said.flatMap(({ files }) => files)).toHaveLength(2);
    expect(said.at(-1)?.outcome).toBe('stored');
  });
});
