import { describe, expect, it } from '@jest/globals';
import { assertHasFile, type MissingFileClues } from '../../../../lib/http/upload/request-files.js';

const headers = { 'content-type': 'multipart/form-data; boundary=x' };
const photo = { name: 'a.png', size: 3 };

describe('assertHasFile', () => {
  it.each<[string, object]>([
    ['a file', { file: photo }],
    ['a list of files', { files: [photo] }],
    ['a list for a field', { files: { none: [], photo: [photo] } }],
    ['a file for a field, as other parsers put it', { files: { photo } }],
  ])('accepts %s', (_, request) => {
    expect(() => assertHasFile({ headers, ...request })).not.toThrow();
  });

  it.each<[string, object]>([
    ['nothing', {}],
    ['an empty list', { files: [] }],
    ['no field', { files: {} }],
    ['empty lists for fields', { files: { photo: [] } }],
    ['null', { files: null }],
  ])('rejects %s', (_, request) => {
    expect(() => assertHasFile({ headers, ...request })).toThrow(
      expect.objectContaining({ code: 'WX_CLOUD_FILE_REQUIRED' }),
    );
  });

  const maxCounts = new Map([['photo', 1]]);

  it.each<[object, MissingFileClues, string]>([
    [{}, {}, 'The form has no file. Send one in any field.'],
    [
      { body: { title: 'x' } },
      { maxCounts },
      'The form has no file. Send one in the field "photo". It has only the text fields "title": ' +
        'a file has a file name, as in filename="a.png".',
    ],
    [
      { body: { photo: 'x' } },
      { maxCounts },
      'The form has no file. Send one in the field "photo". ' +
        'The field "photo" was sent as text: a file has a file name, as in filename="a.png".',
    ],
    [
      { body: {} },
      { maxCounts, namelessField: 'photo' },
      'The form has no file. Send one in the field "photo". ' +
        'The field "photo" has content without a file name: a file has a file name, as in filename="a.png".',
    ],
    [
      { body: {} },
      { maxCounts, emptyField: 'photo', foreignPart: 2 },
      'The form has no file. Send one in the field "photo". ' +
        'The field "photo" was left empty: it has no name and no content.',
    ],
    [
      { body: { a: '', 'b\u202e"': '', c: '', d: '', e: '' } },
      {},
      'The form has no file. Send one in any field. It has only the text fields "a", "b\\"", "c" and 2 more: ' +
        'a file has a file name, as in filename="a.png".',
    ],
    [
      { body: {} },
      { foreignPart: 2 },
      'The form has no file. Send one in any field. ' +
        'Its part 2 has no Content-Disposition of form-data, and was skipped.',
    ],
  ])('says where a file is missing and why: %#', (request, clues, message) => {
    const link = ' (nestjs-wx-cloud-storage/docs/errors.md#wx_cloud_file_required)';
    const error = new Error(`${message}${link}`);
    expect(() => assertHasFile({ headers, ...request }, clues)).toThrow(error);
  });

  it.each([
    [{}, /Content-Type is missing; it has to be multipart\/form-data/],
    [{ 'content-type': 'application/json' }, /Content-Type is "application\/json"/],
  ])('says that a request is not a form: %j', (sent, says) => {
    expect(() => assertHasFile({ headers: sent })).toThrow(says);
  });
});
