import { describe, expect, it } from '@jest/globals';
import {
  assertCloudPath,
  countEncodedBytes,
  findPathProblem,
  generateCloudPath,
} from '../../../lib/file-id/cloud-path.js';
import { thrownBy } from '../support/failures.js';

describe('assertCloudPath', () => {
  it.each([
    ['one character', 'a'],
    ['a path of segments', 'photos/2026/cat.png'],
    ['Chinese', '照片/猫.png'],
    ['an emoji', '🐈.png'],
    ['spaces and marks', "it's (a) file!*~.txt"],
    ['dots that are no segment', 'a..b/.c/d./...'],
    ['a slash at the end', 'photos/'],
    ['850 ASCII bytes', 'a'.repeat(850)],
    ['850 bytes in segments', `${'a/'.repeat(424)}bb`],
    ['94 Chinese characters, 846 bytes', '中'.repeat(94)],
    ['850 bytes of Chinese and ASCII', `${'中'.repeat(94)}aaaa`],
  ])('allows %s', (_, path) => {
    expect(findPathProblem(path)).toBeUndefined();
    expect(() => assertCloudPath(path)).not.toThrow();
  });

  it.each([
    ['the empty text', '', 'empty'],
    ['a leading slash', '/a', 'starts with a slash'],
    ['a slash alone', '/', 'starts with a slash'],
    ['two slashes', 'a//b', 'two slashes'],
    ['two slashes at the end', 'a//', 'two slashes'],
    ['a dot', '.', 'segment'],
    ['two dots', '..', 'segment'],
    ['a dot segment in the middle', 'a/./b', 'segment'],
    ['a parent segment in front', '../a', 'segment'],
    ['a parent segment at the end', 'a/..', 'segment'],
    ['NUL', 'a\u0000b', 'control character'],
    ['CR and LF', 'a\r\nb', 'control character'],
    ['a tab', 'a\tb', 'control character'],
    ['ESC', 'a\u001bb', 'control character'],
    ['DEL', 'a\u007f', 'control character'],
    ['a C1 control', 'a\u0085', 'control character'],
    ['a lone high surrogate', 'a\ud83d', 'Unicode'],
    ['a lone low surrogate', '\udc08a', 'Unicode'],
    ['851 ASCII bytes', 'a'.repeat(851), '850 bytes'],
    ['95 Chinese characters, 855 bytes', '中'.repeat(95), '850 bytes'],
    ['851 bytes of Chinese and ASCII', `${'中'.repeat(94)}aaaaa`, '850 bytes'],
    ['undefined', undefined, 'not a string'],
    ['null', null, 'not a string'],
    ['a number', 7, 'not a string'],
    ['a list', ['a'], 'not a string'],
  ])('rejects %s', (_, path, problem) => {
    expect(findPathProblem(path)).toContain(problem);
    expect(thrownBy(() => assertCloudPath(path))).toMatchObject({
      code: 'WX_CLOUD_PATH_INVALID',
      retryable: false,
    });
  });

  it.each([
    ['a/b', 3],
    ['中', 9],
    ['🐈', 12],
    ['a b', 5],
    ['', 0],
  ])('counts %p as %d encoded bytes', (path, bytes) => {
    expect(countEncodedBytes(path)).toBe(bytes);
  });
});

describe('generateCloudPath', () => {
  const now = new Date('2026-01-02T23:59:59.999Z');

  it.each([
    ['photos/', 'png', 'photos/2026/01/02/u.png'],
    ['photos', 'png', 'photos/2026/01/02/u.png'],
    ['', 'png', '2026/01/02/u.png'],
    ['照片/', undefined, '照片/2026/01/02/u'],
  ])('generates a path from the prefix %p and the extension %p', (prefix, extension, expected) => {
    expect(generateCloudPath(prefix, extension, 'u', now)).toBe(expected);
  });

  it('uses the UTC date', () => {
    const late = new Date('2026-12-31T23:30:00-02:00');
    expect(generateCloudPath('', undefined, 'u', late)).toBe('2027/01/01/u');
  });

  it('generates a new, valid path at every call', () => {
    const paths = Array.from({ length: 100 }, () => generateCloudPath('p', 'png'));
    expect(new Set(paths).size).toBe(100);
    expect(paths.map(findPathProblem)).toEqual(paths.map(() => undefined));
    expect(paths[0]).toMatch(
      /^p\/\d{4}\/\d{2}\/\d{2}\/[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\.png$/,
    );
  });
});
