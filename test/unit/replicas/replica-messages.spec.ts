import { describe, expect, it } from '@jest/globals';
import {
  decodeReplicaNews,
  decodeUploadNews,
  encodeReplicaNews,
  encodeUploadNews,
  MOST_FILE_IDS,
  MOST_FILES,
  newsTopic,
  progressTopic,
  type UploadNews,
} from '../../../lib/replicas/replica-messages.js';

const ENV = 'prod-8gtest1';
const ID = 'an-id-of-16-signs';
const FILE_ID = `cloud://${ENV}.bucket/a.png`;
const file = { index: 0, fieldname: 'photo', transferredBytes: 5, totalBytes: 10 };
const news: UploadNews = {
  from: 'replica',
  run: 'run',
  turn: 3,
  files: [file],
  outcome: undefined,
  to: undefined,
};
const withMembers = (text: string, members: object): string =>
  JSON.stringify({ ...(JSON.parse(text) as object), ...members });
const readUpload = (members: object): UploadNews | undefined =>
  decodeUploadNews(withMembers(encodeUploadNews(ENV, ID, news), members), ENV, ID);

describe('topics', () => {
  it('differ by environment and ID', () => {
    expect(newsTopic(ENV)).toBe('wx-cloud-storage:prod-8gtest1:news');
    expect(progressTopic(ENV, ID)).toBe('wx-cloud-storage:prod-8gtest1:progress:an-id-of-16-signs');
  });
});

describe('decodeUploadNews', () => {
  it.each([{}, { outcome: 'stored' as const }, { outcome: 'failed' as const, to: 'asker' }])(
    'reads what encodeUploadNews has written, with %j',
    more => {
      const text = encodeUploadNews(ENV, ID, { ...news, ...more });
      expect(decodeUploadNews(text, ENV, ID)).toEqual({ ...news, ...more });
    },
  );

  it.each<object>([
    { v: 2 },
    { v: undefined },
    { env: 'other' },
    { id: 'another-id-of-16-signs' },
    { from: '' },
    { from: 'x'.repeat(65) },
    { from: 7 },
    { run: null },
    { turn: -1 },
    { turn: 1.5 },
    { turn: '3' },
    { files: { length: 1 } },
    { outcome: 'unknown' },
    { outcome: true },
    { to: 5 },
  ])('ignores a message with %j', members => {
    expect(readUpload(members)).toBeUndefined();
  });

  it.each<unknown>([
    undefined,
    null,
    7,
    Buffer.from(encodeUploadNews(ENV, ID, news)),
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '7',
    `{"__proto__":{"v":1,"env":"${ENV}"}}`,
  ])('ignores %j', message => {
    expect(decodeUploadNews(message, ENV, ID)).toBeUndefined();
  });

  it('ignores a huge message without reading it', () => {
    expect(readUpload({ padding: 'x'.repeat(300_000) })).toBeUndefined();
  });

  it.each<unknown>([
    undefined,
    null,
    {},
    [],
    [0, 'photo', 5],
    [-1, 'photo', 5, 10],
    [1e9, 'photo', 5, 10],
    [0, 7, 5, 10],
    [0, 'x'.repeat(1_025), 5, 10],
    [0, 'photo', '5', 10],
    [0, 'photo', 5, Number.MAX_VALUE],
  ])('leaves out the file %j', odd => {
    expect(readUpload({ files: [odd, [0, 'photo', 5, 10]] })?.files).toEqual([file]);
  });

  it('reads a bounded number of files, and cuts long names', () => {
    const files = Array.from({ length: 200 }, (_, index) => [index, 'photo', 5, 10]);
    expect(readUpload({ files })?.files).toHaveLength(MOST_FILES);
    const text = encodeUploadNews(ENV, ID, {
      ...news,
      files: [{ ...file, fieldname: 'x'.repeat(5_000) }],
    });
    expect(decodeUploadNews(text, ENV, ID)?.files[0]?.fieldname).toHaveLength(1_024);
  });
});

describe('decodeReplicaNews', () => {
  it.each([
    { from: 'replica', changed: [FILE_ID] },
    { from: 'replica', changed: 'all' as const },
    { from: 'replica', questions: [{ id: ID, ageMs: 5 }] },
  ])('reads what encodeReplicaNews has written: %j', given => {
    expect(decodeReplicaNews(encodeReplicaNews(ENV, given), ENV)).toEqual(given);
  });

  it.each<object>([
    { v: 2 },
    { env: 'other' },
    { from: undefined },
    { changed: 'none' },
    { changed: { 0: FILE_ID } },
    { changed: undefined, questions: 'all' },
  ])('ignores a message with %j', members => {
    const text = encodeReplicaNews(ENV, { from: 'replica', changed: [FILE_ID] });
    expect(decodeReplicaNews(withMembers(text, members), ENV)).toBeUndefined();
  });

  it('leaves out what is no file ID and no question, and all beyond the limits', () => {
    const text = encodeReplicaNews(ENV, { from: 'replica', changed: [] });
    const changed = [7, null, 'x'.repeat(5_000), FILE_ID];
    expect(decodeReplicaNews(withMembers(text, { changed }), ENV)).toEqual({
      from: 'replica',
      changed: [FILE_ID],
    });
    const many = Array.from({ length: 1_000 }, () => FILE_ID);
    expect(decodeReplicaNews(withMembers(text, { changed: many }), ENV)).toMatchObject({
      changed: { length: MOST_FILE_IDS },
    });
    const questions = [7, [], [ID], [ID, -1], ['x'.repeat(65), 1], [ID, 1]];
    const asked = withMembers(text, { changed: undefined, questions });
    expect(decodeReplicaNews(asked, ENV)).toEqual({
      from: 'replica',
      questions: [{ id: ID, ageMs: 1 }],
    });
  });
});
