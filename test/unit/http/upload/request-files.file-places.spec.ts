import { describe, expect, it } from '@jest/globals';
import {
  RequestFiles,
  type FileTarget,
  hideMethods,
} from '../../../../lib/http/upload/request-files.js';

const photo = { fieldname: 'photo' };
const page = { fieldname: 'page' };
const REFUSED = expect.objectContaining({ code: 'WX_CLOUD_FORM_INVALID' });

describe('RequestFiles', () => {
  it.each([
    ['one', { file: undefined, files: undefined }],
    ['list', { file: undefined, files: [] }],
    ['by-field', { file: undefined, files: {} }],
  ] as const)('adds nothing to a form without files with %s', (shape, expected) => {
    const target: FileTarget = { file: 'of another', files: 'of another' };
    expect(new RequestFiles(target, { maxCounts: undefined, shape })).toBeDefined();
    expect(target).toEqual(expected);
  });

  it('puts one file where @UploadedFile() reads it', () => {
    const target: FileTarget = {};
    const places = new RequestFiles(target, { maxCounts: new Map([['photo', 1]]), shape: 'one' });
    places.add(photo);
    expect(target.file).toBe(photo);
    expect(() => places.add(photo)).toThrow(REFUSED);
  });

  it('puts files into a list in form order', () => {
    const target: FileTarget = {};
    const places = new RequestFiles(target, { maxCounts: undefined, shape: 'list' });
    places.add(photo);
    places.add(page);
    expect(target.files).toEqual([photo, page]);
  });

  it('puts files into a list for each field, whatever its name', () => {
    const target: FileTarget = {};
    const hostile = { fieldname: '__proto__' };
    const places = new RequestFiles(target, { maxCounts: undefined, shape: 'by-field' });
    places.add(photo);
    places.add(hostile);
    places.add(photo);
    const found = target.files as Record<string, unknown>;
    expect(found['photo']).toEqual([photo, photo]);
    expect(Object.keys(found)).toEqual(['photo', '__proto__']);
    expect(Object.getPrototypeOf(found)).toBeNull();
  });

  it('counts each field separately', () => {
    const maxCounts = new Map([
      ['photo', 2],
      ['page', 1],
    ]);
    const places = new RequestFiles({}, { maxCounts, shape: 'by-field' });
    places.add(photo);
    places.add(page);
    places.add(photo);
    expect(() => places.add(page)).toThrow(REFUSED);
    expect(() => places.add(photo)).toThrow(REFUSED);
    expect(() => places.add({ fieldname: 'other' })).toThrow(REFUSED);
  });
});

describe('RequestFiles with an unexpected file', () => {
  const maxCounts = new Map([
    ['photo', 2],
    ['page', Infinity],
  ]);

  it.each([
    ['avatar', /in the field "avatar"; files are expected in "photo", "page"/],
    ['a\u202e"b\n', /in the field "a\\"b"; files/],
    ['photo', /more than 2 files in the field "photo"/],
  ])('names the field and the accepted ones: %j', (fieldname, says) => {
    const places = new RequestFiles({}, { maxCounts, shape: 'by-field' });
    places.add(photo);
    places.add(photo);
    expect(() => places.assertTakes(fieldname)).toThrow(says);
    expect(() => places.add({ fieldname })).toThrow(says);
  });

  it('names ten accepted fields at most', () => {
    const many = new Map(Array.from({ length: 12 }, (_, index) => [`f${index}`, 1]));
    const places = new RequestFiles({}, { maxCounts: many, shape: 'by-field' });
    expect(() => places.assertTakes('x')).toThrow(/"f0", .*"f9" and 2 more/);
  });
});

describe('hideMethods', () => {
  it("hides a parser's properties of these names and keeps its files", () => {
    const target: FileTarget = { file: () => {}, files: [photo] };
    hideMethods(target);
    expect(target).toEqual({ file: undefined, files: [photo] });
  });
});
