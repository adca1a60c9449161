import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { findPathProblem } from '../../../lib/file-id/cloud-path.js';
import { toLinkUrl } from '../../../lib/storage/links.js';

const HOST = 'https://7072-prod-1300000000.tcb.qcloud.la';
const QUERY = 'sign=0123456789abcdef&t=1700000000';

describe('toLinkUrl', () => {
  it.each([
    ['a.png', '/a.png', '/a.png'],
    ['a%20b.png', '/a%20b.png', '/a%2520b.png'],
    ['a%20b.png', '/a%2520b.png', '/a%2520b.png'],
    ['a b.png', '/a b.png', '/a%20b.png'],
    ['a b.png', '/a%20b.png', '/a%20b.png'],
    ['照片/猫.png', '/照片/猫.png', '/%E7%85%A7%E7%89%87/%E7%8C%AB.png'],
    ['照片/猫.png', '/%E7%85%A7%E7%89%87/%E7%8C%AB.png', '/%E7%85%A7%E7%89%87/%E7%8C%AB.png'],
    ['100%', '/100%', '/100%25'],
    ['100%', '/100%25', '/100%25'],
    ['what?.png', '/what?.png', '/what%3F.png'],
    ['a?sign=1', '/a?sign=1', '/a%3Fsign=1'],
    ['no#1.png', '/no#1.png', '/no%231.png'],
    ['a\\b.png', '/a\\b.png', '/a%5Cb.png'],
    ['%2e%2e/a.png', '/%2e%2e/a.png', '/%252e%252e/a.png'],
    ['a+b&c=d.png', '/a+b&c=d.png', '/a+b&c=d.png'],
    ['a"<>^`{|}.png', '/a"<>^`{|}.png', '/a%22%3C%3E%5E%60%7B%7C%7D.png'],
    ['b.png', '/prefix/b.png', '/prefix/b.png'],
    ['a%20b.png', '/prefix/a%20b.png', '/prefix/a%2520b.png'],
    ['a', '/a/a', '/a/a'],
    ['kept.txt', '/get', '/get'],
  ])('for the cloud path %j turns %j into %j', (cloudPath, path, expected) => {
    expect(toLinkUrl(`${HOST}${path}?${QUERY}`, cloudPath)).toBe(`${HOST}${expected}?${QUERY}`);
    expect(toLinkUrl(`${HOST}${path}`, cloudPath)).toBe(`${HOST}${expected}`);
  });

  it.each([
    '',
    'a.png',
    '/a.png',
    'ftp://host.example/a.png',
    'javascript:alert(1)//a.png',
    'http://host.example/a.png',
    'http://127.0.0.1.example/a.png',
    'https://user:password@host.example/a.png',
    'https://user@host.example/a.png',
    'https://',
    'http://[bad/a.png',
  ])('rejects %j', link => {
    expect(toLinkUrl(link, 'a.png')).toBe('');
  });

  it.each(['http://127.0.0.1:9/a.png', 'http://localhost/a.png', 'http://[::1]:9/a.png'])(
    'accepts %s, which stays on the machine',
    link => {
      expect(toLinkUrl(link, 'a.png')).toBe(link);
    },
  );

  it('addresses the cloud path and keeps the query, for raw and encoded links', () => {
    const units = fc.constantFrom(
      ...'ab/%?#&+=;:@ \\"\'<>[]{}|^`~!*()$,.照é😀',
      '%20',
      '%2F',
      '%E7',
      'e\u0301',
    );
    const paths = fc
      .string({ unit: units, minLength: 1, maxLength: 20 })
      .filter(path => findPathProblem(path) === undefined);
    fc.assert(
      fc.property(paths, fc.constantFrom('', '/download/bucket-1300000000'), (path, prefix) => {
        const encoded = path.split('/').map(encodeURIComponent).join('/');
        const links = [path, encoded].map(spelled => `${HOST}${prefix}/${spelled}?${QUERY}`);
        for (const link of links) {
          const href = toLinkUrl(link, path);
          const url = new URL(href);
          expect(href).toMatch(/^[\x21-\x7e]+$/);
          expect(url.href).toBe(href);
          expect(decodeURIComponent(url.pathname)).toBe(`${prefix}/${path}`);
          expect(url.search).toBe(`?${QUERY}`);
        }
      }),
      { numRuns: 500 },
    );
  });
});
