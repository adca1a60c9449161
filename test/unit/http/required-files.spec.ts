import { describe, expect, it } from '@jest/globals';
import { assertHasFile } from '../../../lib/http/required-files.js';

const headers = { 'content-type': 'multipart/form-data; boundary=x' };
const photo = { name: 'a.png', size: 3 };

describe('assertHasFile', () => {
  it.each<[string, object]>([
    ['a file', { file: photo }],
    ['a list of files', { files: [photo] }],
    ['a list for a field', { files: { none: [], photo: [photo] } }],
    ['a file for a field, as other parsers put it', { files: { photo } }],
  ])('takes %s', (_, request) => {
    expect(() => assertHasFile({ headers, ...request })).not.toThrow();
  });

  it.each<[string, object]>([
    ['nothing', {}],
    ['an empty list', { files: [] }],
    ['no field', { files: {} }],
    ['empty lists for fields', { files: { photo: [] } }],
    ['null', { files: null }],
  ])('misses a file in %s', (_, request) => {
    expect(() => assertHasFile({ headers, ...request })).toThrow(
      expect.objectContaining({ code: 'WX_CLOUD_FILE_REQUIRED' }),
    );
  });
});
