import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { WxCloudStorageError } from '../../../lib/errors/errors.js';
import {
  assertCloudPath,
  countEncodedBytes,
  findPathProblem,
  generateCloudPath,
  MAX_ENCODED_PATH_BYTES,
} from '../../../lib/file-id/cloud-path.js';
import { parseFileId, parseFileIdWithin } from '../../../lib/file-id/file-id.js';
import { checkProperty } from '../../support/properties.js';

const label = fc.string({
  unit: fc.constantFrom(...'abz019-_'),
  minLength: 1,
  maxLength: 30,
});
const segment = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }),
    fc.string({ unit: fc.constantFrom(..."a.%?#& +猫😀~'"), minLength: 1, maxLength: 12 }),
  )
  .filter(text => !/[/\p{Cc}]|^\.\.?$|\$\{filename\}/u.test(text));
/** Valid paths. */
const paths = fc
  .array(segment, { minLength: 1, maxLength: 5 })
  .map(segments => segments.join('/'))
  .filter(path => countEncodedBytes(path) <= MAX_ENCODED_PATH_BYTES);
/** Text of the characters of paths and file IDs. */
const hostile = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      ...'a./:?#%\\ \0\n\u0085\u202e猫',
      'cloud://',
      'env.bucket/',
      '..',
      '\ud83d',
    ),
    maxLength: 40,
  }),
  fc.string({ unit: 'binary', maxLength: 2_000 }),
  fc.array(fc.nat(0xffff), { maxLength: 50 }).map(units => String.fromCharCode(...units)),
);

/** The error's code, or undefined. */
function codeOf(call: () => unknown): unknown {
  try {
    call();
    return 'accepted';
  } catch (error) {
    return error instanceof WxCloudStorageError ? error.code : error;
  }
}

describe('parseFileId', () => {
  it('restores the parts of every valid ID', () =>
    checkProperty(
      fc.property(label, label, paths, (env, bucket, cloudPath) => {
        const fileId = `cloud://${env}.${bucket}/${cloudPath}`;
        const parsed = { fileId, env, bucket, cloudPath };
        expect(parseFileId(fileId)).toEqual(parsed);
        expect(parseFileIdWithin(fileId, env, bucket)).toEqual(parsed);
        expect(codeOf(() => parseFileIdWithin(fileId, `${env}x`))).toBe('WX_CLOUD_FILE_ID_INVALID');
      }),
      300,
    ));

  it('either returns the parts of a text or rejects it with a typed error', () =>
    checkProperty(
      fc.property(
        fc.oneof(
          hostile,
          hostile.map(text => `cloud://env.bucket/${text}`),
        ),
        text => {
          const code = codeOf(() => {
            const { env, bucket, cloudPath } = parseFileId(text);
            expect(`cloud://${env}.${bucket}/${cloudPath}`).toBe(text);
            expect(findPathProblem(cloudPath)).toBeUndefined();
          });
          expect(['accepted', 'WX_CLOUD_FILE_ID_INVALID']).toContain(code);
        },
      ),
      500,
    ));

  it('rejects any other value with a typed error', () =>
    checkProperty(
      fc.property(
        fc.anything({ withNullPrototype: true, withBigInt: true, withDate: true }).filter(isNoText),
        value => {
          expect(codeOf(() => parseFileId(value))).toBe('WX_CLOUD_FILE_ID_INVALID');
          expect(codeOf(() => assertCloudPath(value))).toBe('WX_CLOUD_PATH_INVALID');
        },
      ),
    ));
});

describe('assertCloudPath', () => {
  it('accepts every path that breaks no rule', () =>
    checkProperty(
      fc.property(paths, path => {
        expect(findPathProblem(path)).toBeUndefined();
      }),
      300,
    ));

  it('accepts only paths that are encodable, short enough and without dot segments', () =>
    checkProperty(
      fc.property(hostile, text => {
        const code = codeOf(() => assertCloudPath(text));
        expect(['accepted', 'WX_CLOUD_PATH_INVALID']).toContain(code);
        fc.pre(code === 'accepted');
        expect(countEncodedBytes(text)).toBeLessThanOrEqual(MAX_ENCODED_PATH_BYTES);
        expect(text).not.toMatch(/^\/|\/\/|(?:^|\/)\.\.?(?:\/|$)|\p{Cc}/u);
      }),
    ));

  it('accepts every generated path, no two of which are equal', () =>
    checkProperty(
      fc.property(
        paths.filter(path => countEncodedBytes(path) < 700),
        fc.option(fc.constantFrom('png', 'tar.gz'), { nil: undefined }),
        fc.date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true }),
        (prefix, extension, now) => {
          const path = generateCloudPath(prefix, extension, undefined, now);
          expect(findPathProblem(path)).toBeUndefined();
          expect(path).not.toBe(generateCloudPath(prefix, extension, undefined, now));
        },
      ),
    ));
});

function isNoText(value: unknown): boolean {
  return typeof value !== 'string';
}
