import { describe, expect, it } from '@jest/globals';
import { assertFileIdOptions } from '../../../lib/http/file-id.pipes.js';
import { assertReplyOptions } from '../../../lib/http/reply/reply-options.js';
import { namingSubject } from '../../../lib/http/startup/enhancers.js';
import {
  assertEngineOptions,
  assertField,
  assertFields,
  assertInterceptorOptions,
  assertMaxCount,
} from '../../../lib/http/upload/upload-option-checks.js';
import { wxCloudUpload } from '../../../lib/index.js';

function detect() {
  return undefined;
}

/** The option that an error names, and its message. */
const naming = (option: string, text: string | RegExp) =>
  expect.objectContaining({
    code: 'WX_CLOUD_OPTIONS_INVALID',
    option,
    message: expect.stringMatching(text),
  });

describe('assertInterceptorOptions', () => {
  it.each([
    {},
    undefined,
    { path: undefined, required: undefined, limits: undefined },
    { path: 'photos/', uniquePath: true, required: false, storage: 'archive' },
    { storage: () => 'archive' },
    { path: async () => 'a/b', detectContentType: detect },
    { contentTypes: ['*/*'] },
    { contentTypes: ['*', 'IMAGE/*', 'Image/PNG'] },
    { contentTypes: ['text/csv; charset=utf-8', 'image/svg+xml', 'application/vnd.ms-excel'] },
    { contentTypes: ['x-own/thing', 'chemical/x-pdb'] },
    { contentTypes: ['image/jpg'], detectContentType: detect },
    { limits: { fileSize: 10, files: Infinity, parts: 0, fields: undefined } },
    { declaredSize: { header: 'x-file-size' }, progressId: { field: 'id' } },
  ])('accepts %j', options => {
    expect(() => assertInterceptorOptions(options)).not.toThrow();
  });

  it.each<[string, string]>([
    ['fileFilter', 'contentTypes'],
    ['contentType', 'contentTypes'],
    ['mimeTypes', 'contentTypes'],
    ['contenttypes', 'Use contentTypes\\.'],
    ['contentTpyes', 'Use contentTypes\\.'],
    ['detectContentTyp', 'Use detectContentType\\.'],
    ['limit', 'limits.fileSize'],
    ['maxSize', 'limits.fileSize'],
    ['maxFileSize', 'limits.fileSize'],
    ['fileSize', 'limits.fileSize'],
    ['fieldSize', 'same name in limits'],
    ['maxCount', 'limits.files'],
    ['dest', 'path'],
    ['destination', 'path'],
    ['filename', 'path with a function'],
    ['key', 'path with a function'],
    ['preservePath', 'Leave it out'],
    ['optional', 'required: false'],
    ['bucket', 'module'],
    ['acl', 'Leave it out'],
    ['streamHandler', 'Leave it out'],
    ['uniquepath', 'Use uniquePath\\.'],
    ['storages', 'Use storage\\.'],
    ['nonsense', 'Known here: path, .*required'],
    ['constructor', 'Known here'],
  ])('rejects %s and names the replacement: %s', (option, text) => {
    const options = Object.fromEntries([[option, true]]);
    expect(() => assertInterceptorOptions(options)).toThrow(naming(option, text));
  });

  it.each<[string, unknown, string]>([
    ['path', 5, 'function'],
    ['path', '/photos', 'photos/'],
    ['uniquePath', 'yes', 'true or false'],
    ['required', 'no', 'true or false'],
    ['required', null, 'true or false'],
    ['detectContentType', 'text/plain', 'function'],
    ['storage', class Engine {}, "Nest's own"],
    ['storage', { _handleFile: detect }, "Nest's own"],
    ['storage', '', 'name of an instance'],
    ['storage', 5, 'name of an instance'],
    ['declaredSize', 'x-size', 'header'],
    ['progressId', { header: 'a', field: 'b' }, 'header'],
    ['limits', 5, 'object'],
    ['limits', null, 'object'],
    ['contentTypes', 'image/*', "contentTypes: \\['image/\\*'\\]"],
    ['contentTypes', 'png', "contentTypes: \\['image/png'\\]"],
    ['contentTypes', [], 'rejects every file'],
    ['contentTypes', [/image/], 'strings'],
    ['contentTypes', ['png'], '"image/png"'],
    ['contentTypes', ['.jpg'], '"image/jpeg"'],
    ['contentTypes', ['image/'], '"image/\\*"'],
    ['contentTypes', ['video'], '"video/\\*"'],
    ['contentTypes', ['image/*', 'pdf'], '"application/pdf"'],
    ['contentTypes', ['*/png'], 'matches no file'],
    ['contentTypes', ['image/jpg'], '"image/jpeg"'],
    ['contentTypes', ['images/*'], '"image/\\*"'],
    ['contentTypes', ['image/png, image/jpeg'], 'matches no file'],
    ['contentTypes', [''], 'matches no file'],
    ['contentTypes', ['constructor'], '"image/png"'],
  ])('rejects %s of %p', (option, value, text) => {
    const options = { [option]: value };
    expect(() => assertInterceptorOptions(options)).toThrow(naming(option, text));
  });

  it.each<[string, unknown, string]>([
    ['fileSize', '10mb', '10 \\* 1024 \\* 1024'],
    ['fileSize', Number.NaN, 'whole number of bytes'],
    ['fileSize', -1, 'whole number of bytes'],
    ['files', '5', 'whole number from 0'],
    ['fileSizes', 1, 'Use limits.fileSize\\.'],
    ['maxSize', 1, 'Use limits.fileSize'],
    ['maxFiles', 1, 'Use limits.files'],
    ['jsonFieldsSize', 1, 'Use limits.textBytes'],
    ['nonsense', 1, 'Known here: fileSize'],
  ])('rejects limits.%s of %p', (name, value, text) => {
    const options = { limits: { [name]: value } };
    expect(() => assertInterceptorOptions(options)).toThrow(naming(`limits.${name}`, text));
  });

  it.each([null, 'photos/', ['image/*']])('rejects %j in place of an object', options => {
    expect(() => assertInterceptorOptions(options)).toThrow(naming('options', 'an object'));
  });
});

describe('assertField, assertFields and assertMaxCount', () => {
  it.each([undefined, '', 5, {}])('reject the field %j', field => {
    expect(() => assertField(field)).toThrow(naming('field', 'name of a form field'));
  });

  it.each([undefined, 1, 20, Infinity])('accept a maxCount of %p', maxCount => {
    expect(() => assertMaxCount(maxCount)).not.toThrow();
  });

  it.each<[unknown, string]>([
    [0, 'from 1'],
    [-1, 'from 1'],
    [1.5, 'from 1'],
    ['3', 'from 1'],
    [{ path: 'photos/' }, 'third argument'],
  ])('reject a maxCount of %j', (maxCount, text) => {
    expect(() => assertMaxCount(maxCount)).toThrow(naming('maxCount', text));
  });

  it.each<[unknown, string, string]>([
    [undefined, 'fields', 'list of fields'],
    ['photo', 'fields', 'list of fields'],
    [[], 'fields', 'a non-empty list of fields'],
    [['photo'], 'fields[0]', 'an object'],
    [[{ name: 'a' }, { name: '' }], 'fields[1].name', 'name of a form field'],
    [[{ name: 'a', maxCount: 0 }], 'fields[0].maxCount', 'from 1'],
    [[{ name: 'a', maxcount: 1 }], 'fields[0].maxcount', 'maxCount'],
    [[{ name: 'a' }, { name: 'a' }], 'fields', '"a" is listed twice'],
  ])('reject the fields %j', (fields, option, text) => {
    expect(() => assertFields(fields)).toThrow(naming(option, text));
  });
});

describe('assertEngineOptions', () => {
  it.each<[string, unknown, string]>([
    ['limits', {}, 'beside storage'],
    ['required', true, 'Known here'],
    ['fileFilter', detect, 'contentTypes'],
    ['contentTypes', ['png'], 'image/png'],
  ])('rejects %s of %j', (option, value, text) => {
    expect(() => assertEngineOptions({ [option]: value })).toThrow(naming(option, text));
  });

  it("is called by wxCloudUpload at once, with the engine's name", () => {
    expect(() => wxCloudUpload({ fileFilter: detect } as object)).toThrow(
      /^option "fileFilter" of wxCloudUpload\(\) is unknown/,
    );
  });
});

describe('assertReplyOptions', () => {
  it.each([{}, { path: 'a/', whenOverBytes: 0, url: true }, { url: { maxAgeSeconds: 60 } }])(
    'accepts %j',
    options => expect(() => assertReplyOptions(options)).not.toThrow(),
  );

  it.each<[string, unknown, string, string]>([
    ['path', '/x', 'path', 'photos/'],
    ['whenOverBytes', -1, 'whenOverBytes', 'from 0'],
    ['whenOverBytes', 1.5, 'whenOverBytes', 'from 0'],
    ['whenOverByte', 1, 'whenOverByte', 'Use whenOverBytes\\.'],
    ['contentType', 'a/b', 'contentType', 'from the handler'],
    ['url', 'yes', 'url', 'true, false'],
    ['url', { maxAgeSeconds: 0 }, 'url.maxAgeSeconds', 'from 1 to 86400'],
    ['url', { maxAge: 5 }, 'url.maxAge', 'Known here: maxAgeSeconds'],
    ['storage', {}, 'storage', 'name of an instance'],
  ])('rejects %s of %j', (name, value, option, text) => {
    expect(() => assertReplyOptions({ [name]: value })).toThrow(naming(option, text));
  });
});

describe('assertFileIdOptions', () => {
  it.each<[string, unknown, string]>([
    ['prefixes', [], 'a non-empty list of prefixes'],
    ['prefixes', ['/photos'], 'a non-empty list of prefixes'],
    ['prefixes', ['a//b'], 'a non-empty list of prefixes'],
    ['prefixes', 'photos/', 'a non-empty list of prefixes'],
    ['prefixes', [7], 'a non-empty list of prefixes'],
    ['prefix', 'photos/', 'Use prefixes\\.'],
    ['folder', 'photos/', 'Use prefixes'],
    ['required', false, 'optional: true'],
    ['optional', 1, 'true or false'],
    ['many', 'yes', 'true or false'],
  ])('rejects %s of %j', (option, value, text) => {
    expect(() => assertFileIdOptions({ [option]: value })).toThrow(naming(option, text));
  });
});

describe('namingSubject', () => {
  it('leaves other errors unchanged', () => {
    const error = new Error('a bug');
    const fail = (): never => {
      throw error;
    };
    expect(() => namingSubject('an interceptor', fail)).toThrow(error);
  });
});
