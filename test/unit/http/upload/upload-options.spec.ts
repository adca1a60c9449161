import { describe, expect, it } from '@jest/globals';
import { assertFormLength, completeLimits } from '../../../../lib/http/upload/upload-options.js';

describe('completeLimits', () => {
  it('has a default for every limit', () => {
    expect(completeLimits()).toEqual({
      fileSize: 104_857_600,
      files: 10,
      fieldSize: 1_048_576,
      textBytes: 2_097_152,
      fieldNameSize: 100,
      fields: 256,
      parts: 1_000,
      headerPairs: 2_000,
      fieldNestingDepth: 32,
      fieldArrayIndexLimit: 1_000,
    });
  });

  it('limits files to the sum of the fields unless limits.files is given', () => {
    expect(completeLimits({}, 3).files).toBe(3);
    expect(completeLimits({ files: 2 }, 3).files).toBe(2);
  });

  it('keeps the default of a limit that is given as undefined', () => {
    expect(completeLimits({ fileSize: undefined }).fileSize).toBe(104_857_600);
  });

  it('reads limits from getters of a class', () => {
    class Limits {
      get fileSize() {
        return 5;
      }
    }
    expect(completeLimits(new Limits()).fileSize).toBe(5);
  });

  it.each([0, 1, Infinity])('accepts %p', value => {
    expect(completeLimits({ fieldSize: value }).fieldSize).toBe(value);
  });

  it.each([-1, 1.5, Number.NaN, '5', null, -Infinity])(
    'rejects %p by the name of the limit',
    value => {
      const given = { fileSize: value } as never;
      expect(() => completeLimits(given)).toThrow(
        expect.objectContaining({ code: 'WX_CLOUD_OPTIONS_INVALID', option: 'limits.fileSize' }),
      );
    },
  );

  it.each(['fileSise', 'constructor', 'toString'])('rejects the unknown limit %p', name => {
    expect(() => completeLimits({ [name]: 1 })).toThrow(
      expect.objectContaining({ option: `limits.${name}` }),
    );
  });
});

describe('assertFormLength', () => {
  const least = { fileSize: 1_000, files: 2, textBytes: 100, fields: 3 };
  const MOST_BYTES = 2 * 1_000 + 100 + 5 * 16_384;

  it.each([
    ['the most that its limits allow', least, MOST_BYTES],
    ['any length without a limit for files', { ...least, files: Infinity }, 1e15],
    ['any length without a limit for their size', { ...least, fileSize: Infinity }, 1e15],
    ['a text in a form without files', { ...least, files: 0, fileSize: Infinity }, 40_000],
  ])('accepts %s', (_, limits, bytes) => {
    expect(() => assertFormLength(bytes, completeLimits(limits))).not.toThrow();
  });

  it.each([
    ['a byte more', least, MOST_BYTES + 1],
    ['more parts than allowed', { ...least, parts: 1 }, 2_100 + 16_384 + 1],
    ['a file where none is allowed', { ...least, files: 0, fileSize: Infinity }, 50_000],
  ])('refuses %s, and names the limits and the length', (_, limits, bytes) => {
    expect(() => assertFormLength(bytes, completeLimits(limits))).toThrow(
      expect.objectContaining({
        code: 'WX_CLOUD_FILE_TOO_LARGE',
        message: expect.stringMatching(new RegExp(`${bytes} bytes.*limits\\.fileSize`)),
      }),
    );
  });

  it('counts no more files than the fields take', () => {
    const limits = completeLimits({ ...least, files: 20 });
    expect(() => assertFormLength(MOST_BYTES, limits, 2)).not.toThrow();
    expect(() => assertFormLength(MOST_BYTES + 1, limits, 2)).toThrow(/its fields take \(2\)/);
  });
});
