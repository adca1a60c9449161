import { describe, expect, it } from '@jest/globals';
import { completeLimits } from '../../../../lib/http/upload/upload-options.js';

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
