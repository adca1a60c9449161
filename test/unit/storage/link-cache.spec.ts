import { beforeEach, describe, expect, it } from '@jest/globals';
import { LinkCache } from '../../../lib/storage/link-cache.js';

const HOUR_MS = 3_600_000;
let nowMs = 0;
let cache: LinkCache;

beforeEach(() => {
  nowMs = 5;
  cache = new LinkCache(2, () => nowMs);
});

function keep(fileId: string, maxAgeSeconds = 3_600): void {
  const note = cache.beginRequest([fileId]);
  cache.keep(note, { fileId, url: `https://x/${fileId}`, maxAgeSeconds });
  cache.endRequest(note);
}

describe('LinkCache', () => {
  it.each([
    ['an hour', 3_600, HOUR_MS - 300_000],
    ['ten minutes', 600, 300_000],
    ['a second', 1, 500],
  ])('returns a link of %s until its margin', (_, maxAgeSeconds, reusableForMs) => {
    keep('a', maxAgeSeconds);
    nowMs += reusableForMs - 1;
    expect(cache.find('a', maxAgeSeconds)).toBe('https://x/a');
    nowMs += 1;
    expect(cache.find('a', maxAgeSeconds)).toBeUndefined();
  });

  it('counts the life of a link from its request, not from its arrival', () => {
    const note = cache.beginRequest(['a']);
    nowMs += 400;
    cache.keep(note, { fileId: 'a', url: 'https://x/a', maxAgeSeconds: 1 });
    nowMs += 100;
    expect(cache.find('a', 1)).toBeUndefined();
  });

  it('does not return a link of another life', () => {
    keep('a', 3_600);
    expect(cache.find('a', 60)).toBeUndefined();
    expect(cache.find('a', 7_200)).toBeUndefined();
  });

  it('forgets the links of a changed file', () => {
    keep('a');
    cache.forget('a');
    expect(cache.find('a', 3_600)).toBeUndefined();
  });

  it('does not keep a link that was requested before its file changed', () => {
    const note = cache.beginRequest(['a', 'b']);
    cache.forget('a');
    for (const fileId of ['a', 'b']) {
      cache.keep(note, { fileId, url: `https://x/${fileId}`, maxAgeSeconds: 3_600 });
    }
    expect(cache.find('a', 3_600)).toBeUndefined();
    expect(cache.find('b', 3_600)).toBe('https://x/b');
  });

  it('forgets everything, and what was requested before that', () => {
    keep('a');
    const note = cache.beginRequest(['b']);
    cache.clear();
    cache.keep(note, { fileId: 'b', url: 'https://x/b', maxAgeSeconds: 3_600 });
    expect(['a', 'b'].map(fileId => cache.find(fileId, 3_600))).toEqual([undefined, undefined]);
  });

  it('announces changed files, but for those at unique paths', () => {
    const announced: (readonly string[])[] = [];
    cache.announceTo(fileIds => announced.push(fileIds));
    for (const fileId of ['a', 'b']) keep(fileId);
    cache.forgetReplaced('a', true);
    cache.forgetReplaced('b', false);
    cache.forgetEverywhere([]);
    cache.forgetEverywhere(['c', 'd']);
    expect(announced).toEqual([['b'], ['c', 'd']]);
    expect(['a', 'b'].map(fileId => cache.find(fileId, 3_600))).toEqual([undefined, undefined]);
  });

  it('no longer remembers a request that has ended', () => {
    const ended = cache.beginRequest(['a']);
    const running = cache.beginRequest(['a']);
    cache.endRequest(ended);
    cache.forget('a');

    expect([ended.fileIds.size, running.fileIds.size]).toEqual([1, 0]);
  });
});

describe('LinkCache, when it is full', () => {
  it('evicts the least recently used link', () => {
    keep('a');
    keep('b');
    cache.find('a', 3_600);
    keep('c');
    expect(['a', 'b', 'c'].map(fileId => cache.find(fileId, 3_600) !== undefined)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('keeps nothing with a size of zero', () => {
    cache = new LinkCache(0, () => nowMs);
    keep('a');
    expect(cache.find('a', 3_600)).toBeUndefined();
  });
});
