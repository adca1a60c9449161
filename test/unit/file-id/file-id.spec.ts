import { describe, expect, it } from '@jest/globals';
import { parseFileId, parseFileIdWithin } from '../../../lib/file-id/file-id.js';
import { thrownBy } from '../support/failures.js';

const ENV = 'prod-8gtest';
const BUCKET = '7072-prod-8gtest-1300000000';
const PREFIX = `cloud://${ENV}.${BUCKET}`;

describe('parseFileId', () => {
  it.each([
    'a',
    'photos/2026/cat.png',
    '照片/猫.png',
    '🐈/🇨🇳.png',
    'with space/and more.txt',
    'dots...in/a..b/.hidden',
    'ends/in/slash/',
    'a?b#c%2e&d=e+f',
  ])('parses the path %s', cloudPath => {
    const fileId = `${PREFIX}/${cloudPath}`;
    expect(parseFileId(fileId)).toEqual({ fileId, env: ENV, bucket: BUCKET, cloudPath });
  });

  it.each([
    ['the short form without a bucket', `cloud://${ENV}/a.png`],
    ['another scheme', `https://${ENV}.${BUCKET}/a.png`],
    ['a scheme in capitals', `CLOUD://${ENV}.${BUCKET}/a.png`],
    ['no scheme', `${ENV}.${BUCKET}/a.png`],
    ['one slash', `cloud:/${ENV}.${BUCKET}/a.png`],
    ['no environment', `cloud://.${BUCKET}/a.png`],
    ['no bucket', `cloud://${ENV}./a.png`],
    ['two dots in front of the path', `cloud://${ENV}.${BUCKET}.x/a.png`],
    ['no path', PREFIX],
    ['an empty path', `${PREFIX}/`],
    ['two slashes before the path', `${PREFIX}//a.png`],
    ['two slashes in the path', `${PREFIX}/a//b`],
    ['a parent segment', `${PREFIX}/../secret.txt`],
    ['a parent segment in the middle', `${PREFIX}/a/../b`],
    ['a parent segment at the end', `${PREFIX}/a/..`],
    ['a dot segment', `${PREFIX}/./a`],
    ['a control character in the path', `${PREFIX}/a\u0000.png`],
    ['a line break in the path', `${PREFIX}/a\r\nx: y`],
    ['a line break at the end', `${PREFIX}/a\n`],
    ['a line break in front', `\n${PREFIX}/a`],
    ['a space in front', ` ${PREFIX}/a`],
    ['a space in the environment', `cloud://pr od.${BUCKET}/a`],
    ['a control character in the environment', `cloud://pr\u0000od.${BUCKET}/a`],
    ['a control character in the bucket', `cloud://${ENV}.b\u0007/a`],
    ['a lone surrogate in the bucket', `cloud://${ENV}.b\ud800/a`],
    ['a lone surrogate in the path', `${PREFIX}/\udc00`],
    ['a path that is too long', `${PREFIX}/${'a'.repeat(851)}`],
    ['the empty text', ''],
    ['undefined', undefined],
    ['null', null],
    ['a number', 7],
    ['a list of one ID', [`${PREFIX}/a`]],
    ['an object', { fileId: `${PREFIX}/a` }],
    ['an object that turns into an ID', { toString: () => `${PREFIX}/a` }],
    ['a String object', Object(`${PREFIX}/a`) as unknown],
  ])('rejects %s', (_, fileId) => {
    expect(thrownBy(() => parseFileId(fileId))).toMatchObject({
      name: 'WxCloudStorageError',
      code: 'WX_CLOUD_FILE_ID_INVALID',
      retryable: false,
    });
  });

  it('takes linear time for a hostile text', () => {
    const hostile = `cloud://${'a.'.repeat(200_000)}`;
    expect(thrownBy(() => parseFileId(hostile))).toMatchObject({
      code: 'WX_CLOUD_FILE_ID_INVALID',
    });
  });

  it('does not repeat the rejected text, which may be hostile', () => {
    expect(thrownBy(() => parseFileId('<script>')).message).not.toContain('<script>');
  });
});

describe('parseFileIdWithin', () => {
  const fileId = `${PREFIX}/a.png`;

  it('accepts an ID of the environment in any bucket while none is known', () => {
    expect(parseFileIdWithin(fileId, ENV).bucket).toBe(BUCKET);
    expect(parseFileIdWithin(fileId, ENV, undefined).bucket).toBe(BUCKET);
  });

  it('accepts an ID of the bucket', () => {
    expect(parseFileIdWithin(fileId, ENV, BUCKET).cloudPath).toBe('a.png');
  });

  it.each([
    ['another environment', 'prod-8gtest2', undefined, 'another environment'],
    ['an environment in capitals', ENV.toUpperCase(), undefined, 'another environment'],
    ['a longer environment', `${ENV}.x`, undefined, 'another environment'],
    ['another bucket', ENV, `${BUCKET}1`, 'another bucket'],
    ['an empty bucket', ENV, '', 'another bucket'],
  ])('rejects an ID when the scope is %s', (_, env, bucket, reason) => {
    const error = thrownBy(() => parseFileIdWithin(fileId, env, bucket));
    expect(error).toMatchObject({ code: 'WX_CLOUD_FILE_ID_INVALID' });
    expect(error.message).toContain(reason);
  });

  it('rejects a text that is not a file ID', () => {
    expect(thrownBy(() => parseFileIdWithin(null, ENV))).toMatchObject({
      code: 'WX_CLOUD_FILE_ID_INVALID',
    });
  });
});
